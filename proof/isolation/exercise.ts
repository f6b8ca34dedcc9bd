import { systemIds } from "@strongroom/core/ids";
import { writeTicket } from "@strongroom/core/document/ticket";
import type { Answer, Sent } from "./ask.ts";
import type { Operation } from "./described-operation.ts";
import type { IsolationWorld, Person } from "./isolation-world.ts";
import { sampleValue } from "./sample-value.ts";

/** Whose object a request names; `none` where an operation names no object. */
export type Whose = "own" | "colleague's" | "foreign" | "unknown" | "none";
/** One request of the matrix with its answer. */
export type Exercised = {
  operation: Operation;
  who: string;
  whose: Whose;
  /** Ids that the request itself named: an answer may repeat those. */
  named: string[];
  sent: Sent;
  answer: Answer;
};

type Case = {
  operation: Operation;
  person: Person | null;
  whose: Whose;
  /** The id in the path; null for operations without. */
  id: string | null;
  /** Values of fields of the body and of the query, by their ways. */
  known?: Record<string, unknown>;
  /** Fields to send although they may be left out. */
  with?: string[];
};

/** What schemas alone do not tell: names that must exist. Everything else is made from the document. */
const names: Record<string, unknown> = { kind: "cmr", artefact: "original-1", mediaType: "application/pdf" };

/** Sends one request that is made from the description, and keeps what was answered. */
export async function exercise(world: IsolationWorld, one: Case): Promise<Exercised> {
  const { operation, person, whose, id } = one;
  const sent = requestFor(world, one);
  const answer = await world.ask(sent);
  const known = Object.values(one.known ?? {}).filter((value) => typeof value === "string");
  return {
    operation,
    who: person?.who ?? "nobody",
    whose,
    named: [...(id === null ? [] : [id]), ...known],
    sent,
    answer,
  };
}

/** A request that the document calls valid. */
export function requestFor(world: IsolationWorld, one: Case): Sent & { headers: Record<string, string> } {
  const { operation, person, id } = one;
  const known = (way: string) => one.known?.[way] ?? names[way.split(".").at(-1)!];
  const wish = { known, with: one.with ?? [] };
  const query = new URLSearchParams();
  for (const { name, in: place, required, schema } of operation.parameters) {
    if (place !== "query" || !(required || one.with?.includes(name))) continue;
    query.set(name, name === "ticket" ? ticketFor(world, one) : String(sampleValue(schema, wish, name)));
  }
  const body =
    operation.body &&
    sampleValue(operation.body, { ...wish, known: (way) => known(way) ?? freshId(operation, way) });
  return {
    method: operation.method,
    path: `${operation.path.replace(/\{\w+\}/, id ?? "")}${query.size > 0 ? `?${query.toString()}` : ""}`,
    headers: {
      ...(person && operation.security === "bearer" && { authorization: `Bearer ${person.token}` }),
      ...(body !== null && { "content-type": "application/json" }),
    },
    ...(body !== null && { body: JSON.stringify(body) }),
  };
}

/** Ids that a client makes are new ones. */
const freshId = (operation: Operation, way: string) =>
  operation.body?.properties?.[way]?.format === "uuid" ? systemIds.uuid() : undefined;

/** A ticket as if this person had been given one for this very id: what stands behind it must hold by itself. */
function ticketFor({ world }: IsolationWorld, { person, id }: Case): string {
  if (person === null) return "nothing.nothing";
  return writeTicket(world.config.secrets.ticketKey, {
    tenantId: person.tenantId,
    userId: person.userId,
    documentId: id as never,
    artefact: names["artefact"] as string,
    expiresAtMs: Date.now() + 60_000,
  });
}
