import { randomBytes } from "node:crypto";
import { chainAudit } from "@strongroom/core/audit/chain-audit";
import { withClient } from "@strongroom/core/database/roles";
import { DocumentId, systemIds } from "@strongroom/core/ids";
import { seesWholeTenant } from "@strongroom/core/user/user";
import type { Operation, Schema } from "./described-operation.ts";
import { exercise, type Exercised, type Whose } from "./exercise.ts";
import { inTurn } from "./in-turn.ts";
import { addDevice, addDocument, addDocuments } from "./isolation-objects.ts";
import { type IsolationWorld, openIsolationWorld, type Person } from "./isolation-world.ts";
import { fingerprintOf, idsOf, type Marked, marker, markTenant } from "./mark-tenant.ts";
import { fillTables } from "./sample-row.ts";
import { fieldsOf, sampleValue } from "./sample-value.ts";

/** Everything that was asked and answered, and what the other tenant had meanwhile. */
export type Matrix = {
  operations: Operation[];
  exercised: Exercised[];
  /** The answers of the same readings, once while the other tenant was empty and once when it was full. */
  readings: { empty: Exercised[]; full: Exercised[] };
  marked: Marked;
  foreignIds: Set<string>;
  /** By who sees their own alone: the documents of everybody else of the same tenant. */
  hiddenIds: Map<string, Set<string>>;
  /** Tables of the other tenant, hashed before and after. */
  untouched: { before: Record<string, string>; after: Record<string, string> };
  people: Person[];
  close(): Promise<void>;
};

/** Objects of each sort that a path can name, by the segment before the id. */
type Objects = Record<string, (person: Person, whose: Whose) => Promise<string[]> | string[]>;

/** Asks everything as everybody of one tenant while the other tenant is full of marked rows. */
export async function runMatrix(): Promise<Matrix> {
  const world = await openIsolationWorld();
  const owners = world.ours.filter(({ who }) => who !== "disabled");
  const page = randomBytes(40);
  const id = DocumentId.parse(systemIds.uuid());
  const driver = world.ours.find(({ who }) => who === "driver")!;
  const documents = await addDocuments(world.world, owners);
  const own = new Map(owners.map((one, index) => [one, documents[index]!]));
  own.get(driver)!.push(await addDocument(world.world, driver, { id, page, state: "stored" }));
  // They come first: what is remembered of them must not be taken for somebody of ours with the same id.
  await cursorsOf(world, world.theirs);
  await chainAudit(world.world.ports);
  const empty = await readAll(world);
  const foreign = await fillOther(world, { id, page });
  await chainAudit(world.world.ports);
  const { superuser } = world.world.database;
  const tenantId = world.theirs[0]!.tenantId;
  await withClient(superuser, (client) => fillTables(client, tenantId));
  const marked = await markTenant(superuser, tenantId);
  const foreignIds = await idsOf(superuser, tenantId);
  const before = await fingerprintOf(superuser, tenantId);
  const full = await readAll(world);
  const exercised = await askAll(world, objectsOf(world, own, foreign), foreign);
  return {
    operations: world.operations,
    exercised,
    readings: { empty, full },
    marked,
    foreignIds: withoutOurs(foreignIds, await idsOf(superuser, driver.tenantId)),
    hiddenIds: hiddenIdsOf(own),
    untouched: { before, after: await fingerprintOf(superuser, tenantId) },
    people: world.ours,
    close: () => world.close(),
  };
}

type Foreign = { documents: string[]; fresh: string[]; devices: string[]; cursors: string[] };

/** The other tenant has documents of all sorts, the same content and the same id as one of ours, and spare ones to be named once. */
async function fillOther(
  world: IsolationWorld,
  twin: { id: DocumentId; page: Uint8Array },
): Promise<Foreign> {
  const people = world.theirs.filter(({ who }) => who !== "disabled");
  const [driver] = people as [Person];
  await addDocument(world.world, driver, { ...twin, state: "stored" });
  await addDocument(world.world, driver, { page: twin.page, state: "stored" });
  const documents = (await addDocuments(world.world, people)).flat();
  const spare = Array.from({ length: world.ours.length }, () => null);
  const fields = world.operations.flatMap(({ body }) => (body ? idFieldsOf(body) : []));
  const spares = fields.flatMap(() => spare);
  const fresh = await inTurn(spares, () => addDocument(world.world, driver));
  const devices = await inTurn(spare, () => addDevice(world.world, driver));
  return { documents, fresh, devices, cursors: await cursorsOf(world, people) };
}

/** The cursors that lists give to the people of the other tenant. */
async function cursorsOf(world: IsolationWorld, people: Person[]): Promise<string[]> {
  const lists = world.operations.filter(({ parameters }) => parameters.some(({ name }) => name === "cursor"));
  const pages = await Promise.all(
    lists.flatMap((operation) =>
      people.map((person) =>
        exercise(world, { operation, person, whose: "none", id: null, with: ["limit"], known: { limit: 1 } }),
      ),
    ),
  );
  return pages.flatMap(({ answer }) => {
    const { nextCursor } = JSON.parse(answer.body.toString()) as { nextCursor?: string | null };
    return nextCursor ? [nextCursor] : [];
  });
}

function objectsOf(world: IsolationWorld, own: Map<Person, string[]>, foreign: Foreign): Objects {
  const colleagues = (person: Person) =>
    [...own].find(([other]) => other.who === (person.who === "driver" ? "colleague" : "driver"))![1];
  const turn = (person: Person) => world.ours.indexOf(person);
  return {
    documents: (person, whose) => {
      if (whose === "own") return own.get(person) ?? [];
      if (whose === "colleague's") return colleagues(person);
      return whose === "foreign" ? foreign.documents.slice(0, 5) : [systemIds.uuid()];
    },
    devices: async (person, whose) => {
      if (whose === "own" || whose === "unknown") return [systemIds.uuid()];
      const colleague = world.ours.find((one) => one.role === "driver" && one !== person)!;
      if (whose === "colleague's") return [await addDevice(world.world, colleague)];
      return [foreign.devices[turn(person)]!];
    },
  };
}

const isDeed = ({ method }: Operation) => method !== "GET";

/** Each person asks everything, one after the other; what takes away comes last. */
async function askAll(world: IsolationWorld, objects: Objects, foreign: Foreign): Promise<Exercised[]> {
  const ordered = world.operations.toSorted(
    (one, other) => Number(one.method === "DELETE") - Number(other.method === "DELETE"),
  );
  const everybody = [...world.ours, null];
  const answers = await inTurn(everybody, async (person) => {
    const exercised: Exercised[] = [];
    for (const operation of ordered)
      exercised.push(
        ...(await askObjects(world, objects, operation, person)),
        ...(await askBodies(world, foreign, objects, operation, person)),
      );
    return exercised;
  });
  return [...answers.flat(), ...(await readAll(world, foreign))];
}

const collectionOf = ({ path }: Operation): string | null => /\/([\w-]+)\/\{\w+\}/.exec(path)?.[1] ?? null;

async function askObjects(
  world: IsolationWorld,
  objects: Objects,
  operation: Operation,
  person: Person | null,
): Promise<Exercised[]> {
  const collection = collectionOf(operation);
  if (collection === null) return [await exercise(world, { operation, person, whose: "none", id: null })];
  const make = objects[collection];
  if (!make) throw new Error(`teach the matrix to make ${collection}: ${operation.name} names one`);
  const asked: Exercised[] = [];
  for (const whose of ["unknown", "foreign", "colleague's", "own"] as const) {
    const ids = await make(person ?? world.ours[0]!, whose);
    // Whoever may not come in is told so before any object is looked at: one of each sort shows it.
    const isOut = person === null || person.who === "disabled";
    for (const id of isOut ? ids.slice(0, 1) : ids) {
      const one = await exercise(world, { operation, person, whose, id });
      asked.push(one);
      if (whose === "own" && one.answer.status < 300 && isDeed(operation)) break;
    }
  }
  return asked;
}

/** Every id within a body, once as one of the other tenant and once as one that nobody has. */
async function askBodies(
  world: IsolationWorld,
  foreign: Foreign,
  objects: Objects,
  operation: Operation,
  person: Person | null,
): Promise<Exercised[]> {
  if (!operation.body || !person) return [];
  const collection = collectionOf(operation);
  const [id = null] = collection ? await objects[collection]!(person, "own") : [];
  if (collection !== null && id === null) return [];
  const asked: Exercised[] = [];
  for (const way of idFieldsOf(operation.body)) {
    const fresh = foreign.fresh.pop();
    if (!fresh) throw new Error("make more spare documents: each id within a body takes one");
    for (const [whose, value] of [
      ["unknown", systemIds.uuid()],
      ["foreign", fresh],
    ] as const) {
      asked.push(
        await exercise(world, { operation, person, whose, id, with: [way], known: { [way]: value } }),
      );
    }
  }
  return asked;
}

/** The ways of all ids that a body may name. */
function idFieldsOf(body: Schema): string[] {
  const isId = ({ format, anyOf = [] }: Schema) =>
    format === "uuid" || anyOf.some((branch) => branch.format === "uuid");
  return [...new Set(fieldsOf(body).flatMap(({ way, schema }) => (isId(schema) ? [way] : [])))];
}

/** All that can be read without naming an object, with every parameter in every way that the document knows. */
async function readAll(world: IsolationWorld, foreign?: Foreign): Promise<Exercised[]> {
  const readings = world.operations.filter((one) => !isDeed(one) && collectionOf(one) === null);
  const answers = await inTurn(world.ours, async (person) => {
    const exercised: Exercised[] = [];
    for (const operation of readings) {
      exercised.push(await exercise(world, { operation, person, whose: "none", id: null }));
      for (const { name, in: place, schema } of operation.parameters) {
        if (place !== "query") continue;
        for (const value of valuesOf(name, schema, foreign))
          exercised.push(
            await exercise(world, {
              operation,
              person,
              whose: "none",
              id: null,
              with: [name],
              known: { [name]: value },
            }),
          );
      }
    }
    return exercised;
  });
  return answers.flat();
}

function valuesOf(
  name: string,
  schema: Operation["parameters"][number]["schema"],
  foreign?: Foreign,
): unknown[] {
  if (name === "cursor") return foreign?.cursors ?? [];
  if (schema.enum) return schema.enum;
  if (schema.type === "integer") return [schema.minimum, schema.maximum];
  if (name === "code") return [sampleValue(schema, { known: () => undefined })];
  if (schema.format === "date-time") return ["1970-01-01T00:00:00.000Z"];
  return foreign ? ["hamburg", "L-1", "cmr", marker, foreign.documents[0]] : ["hamburg", "L-1", "cmr"];
}

function hiddenIdsOf(own: Map<Person, string[]>): Matrix["hiddenIds"] {
  const limited = [...own.keys()].filter((person) => !seesWholeTenant(person));
  return new Map(
    limited.map((person) => {
      const others = [...own].flatMap(([other, ids]) => (other === person ? [] : ids));
      return [person.who, new Set(others)];
    }),
  );
}

/** Ids that both tenants use, as the twins do, say nothing. */
function withoutOurs(foreignIds: Set<string>, ours: Set<string>): Set<string> {
  return new Set([...foreignIds].filter((id) => !ours.has(id)));
}
