import { encodingsOf, formsIn } from "../canary/encodings.ts";
import type { Answer } from "./ask.ts";
import type { Operation } from "./described-operation.ts";
import type { Exercised } from "./exercise.ts";
import { marker } from "./mark-tenant.ts";

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;
const placeOf = ({ operation, who, whose, answer }: Exercised) =>
  `${operation.name} as ${who} on ${whose}: ${answer.status}`;

/** Operations that nobody did with success, or whose id was never that of somebody else; empty when all were tried. */
export function findUntried(operations: readonly Operation[], exercised: readonly Exercised[]): string[] {
  return operations.flatMap((operation) => {
    const own = exercised.filter((one) => one.operation.name === operation.name);
    const isDone = own.some(({ answer }) => answer.status >= 200 && answer.status < 300);
    const isNamed = !operation.path.includes("{") || own.some(({ whose }) => whose === "foreign");
    return [
      ...(isDone ? [] : [`${operation.name} was never done: ${[...new Set(own.map(placeOf))].join("; ")}`]),
      ...(isNamed ? [] : [`${operation.name} was never tried on an object of another tenant`]),
    ];
  });
}

type Hidden = { foreignIds: ReadonlySet<string>; hiddenIds: ReadonlyMap<string, ReadonlySet<string>> };

/** What an answer shows of another tenant or of others' documents: a marked text in any form, or an id that the request did not name itself. */
export function findLeaks(one: Exercised, { foreignIds, hiddenIds }: Hidden): string[] {
  const head = Object.entries(one.answer.headers).map(([name, value]) => `${name}: ${value}`);
  const data = Buffer.concat([Buffer.from(head.join("\n")), one.answer.body]);
  const words = formsIn(Buffer.from(data.toString("latin1").toLowerCase(), "latin1"), lowerForms);
  const isHidden = (id: string) => foreignIds.has(id) || hiddenIds.get(one.who)?.has(id);
  const ids = idsIn(data.toString("latin1")).filter((id) => isHidden(id) && !one.named.includes(id));
  return [...words, ...formsIn(data, forms), ...ids].map((what) => `${placeOf(one)} shows ${what}`);
}

const forms = encodingsOf(marker);
const lowerForms = new Map([["raw", Buffer.from(marker)]]);

/** Ids as they stand in a text, and within pieces of it that are base64, as cursors and tickets are. */
function idsIn(text: string): string[] {
  const pieces = text.match(/[\w+/-]{24,}/g) ?? [];
  const decoded = pieces.map((piece) => Buffer.from(piece, "base64url").toString("latin1"));
  return [text, ...decoded].flatMap((one) => one.match(uuid) ?? []).map((id) => id.toLowerCase());
}

/** Requests for what this person may not know of that are answered otherwise than one for an id that nobody has. */
export function findDifferences(exercised: readonly Exercised[]): string[] {
  const likeUnknown = new Map(
    exercised.filter(({ whose }) => whose === "unknown").map((one) => [requestOf(one), one]),
  );
  return exercised.filter(isForbidden).flatMap((one) => {
    const unknown = likeUnknown.get(requestOf(one));
    if (!unknown) return [`${placeOf(one)} has no counterpart`];
    const [seen, expected] = [shapeOf(one.answer), shapeOf(unknown.answer)];
    return seen === expected ? [] : [`${placeOf(one)}: ${seen} in place of ${expected}`];
  });
}

const isForbidden = ({ whose, who, operation }: Exercised) =>
  whose === "foreign" || (whose === "colleague's" && seesOwnOnly.has(who) && !isOfMine(operation));
/** A driver sees their own; an operator runs the system and does not read. */
const seesOwnOnly = new Set(["driver", "colleague", "operator", "disabled", "nobody"]);
/** Ids below `/v1/me` are made by the caller: another tenant's has no meaning there, and a colleague's is refused as taken. */
const isOfMine = ({ path }: Operation) => path.startsWith("/v1/me/");

/** Whoever may do this at all must be told that a foreign object is not there. */
export function findOtherThanNotFound(exercised: readonly Exercised[]): string[] {
  const entitled = ({ operation, who }: Exercised) =>
    !["disabled", "nobody"].includes(who) &&
    (operation.roles?.includes(who === "colleague" ? "driver" : who) ?? true);
  return exercised
    .filter((one) => one.whose === "foreign" && isInPath(one) && entitled(one) && !isOfMine(one.operation))
    .filter(({ answer }) => answer.status !== 404)
    .map(placeOf);
}

const isInPath = ({ sent, named }: Exercised) => sent.path.includes(named[0] ?? "?") && named.length === 1;

/** The request with every id in it made one. */
const requestOf = ({ who, sent }: Exercised) =>
  `${who} ${sent.method} ${sent.path.replace(/ticket=[^&]*/, "ticket").replace(uuid, "<id>")} ${String(sent.body).replace(uuid, "<id>")}`;

/** Headers that differ from one answer to the next whatever was asked. */
const passing = ["date", "x-request-id", "ratelimit"];

/** An answer byte for byte apart from ids; of a success, whose times and signatures are new each time, its form. */
function shapeOf({ status, headers, body }: Answer): string {
  const names = status < 300 ? [...passing, "etag", "content-length"] : passing;
  const kept = JSON.stringify(Object.entries(headers).filter(([name]) => !names.includes(name)));
  const text = body.toString("latin1");
  const shown = status < 300 && text.startsWith("{") ? formOf(JSON.parse(text)) : text.replace(uuid, "<id>");
  return `${status} ${kept.replace(uuid, "<id>")} ${shown}`;
}

function formOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formOf).join()}]`;
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return `{${Object.entries(value)
    .map(([name, inner]) => `${name}:${formOf(inner)}`)
    .join()}}`;
}

/** Readings that changed when another tenant got documents; `/health` tells of the whole system, and of nobody's rows. */
export function findInfluence(before: readonly Exercised[], after: readonly Exercised[]): string[] {
  const passingParts = /"oldestWaitingMs":(null|\d+)|"instance":"[^"]+"/g;
  const told = ({ answer }: Exercised) =>
    `${answer.status} ${answer.body.toString().replace(passingParts, "")}`;
  const later = new Map(after.map((one) => [`${one.who} ${one.sent.path}`, one]));
  return before
    .filter((one) => told(one) !== told(later.get(`${one.who} ${one.sent.path}`)!))
    .map((one) => `${one.who} ${one.sent.path}`);
}
