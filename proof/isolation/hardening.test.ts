import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "./ask.ts";
import type { Operation } from "./described-operation.ts";
import { requestFor } from "./exercise.ts";
import { type Hostile, hostileRequests } from "./hostile-requests.ts";
import { inTurn } from "./in-turn.ts";
import { addDocument } from "./isolation-objects.ts";
import { type IsolationWorld, openIsolationWorld } from "./isolation-world.ts";
import { judgeAnswer } from "./judge-answer.ts";
import { fieldsOf } from "./sample-value.ts";

type Judged = { operation: Operation; hostile: Hostile; answer: Answer };

let world: IsolationWorld;
const judged: Judged[] = [];
beforeAll(async () => {
  world = await openIsolationWorld();
  const id = await addDocument(world.world, world.ours[0]!, { state: "stored" });
  for (const operation of world.operations) {
    const person = world.ours.find(({ role }) => operation.roles?.includes(role) ?? true)!;
    const named = operation.path.includes("{") ? id : null;
    const make = (fields: string[]) =>
      requestFor(world, { operation, person, whose: "own", id: named, with: fields });
    const hostiles = hostileRequests(operation, make);
    const answers = await inTurn(hostiles, ({ sent }) => world.ask(sent));
    judged.push(...hostiles.map((hostile, index) => ({ operation, hostile, answer: answers[index]! })));
  }
}, 120_000);
afterAll(() => world.close());

const placeOf = ({ operation, hostile, answer }: Judged) =>
  `${operation.name}, ${hostile.what}: ${answer.status} ${answer.body.toString("utf8", 0, 200)}`;

describe("a hostile request", () => {
  test("is refused with the status and the code that every operation refuses it with", () => {
    const wrong = judged.filter(({ hostile: { expected }, answer }) => {
      if (expected === "any") return false;
      return answer.status !== expected.status || codeOf(answer) !== expected.code;
    });
    expect(wrong.map(placeOf)).toEqual([]);
  });

  test("is answered as the document says, and never by a fault of ours", () => {
    const faults = judged.flatMap((one) =>
      judgeAnswer(one.operation, one.answer).map((fault) => `${placeOf(one)}: ${fault}`),
    );
    expect(faults).toEqual([]);
  });

  test("leaves no prototype changed", () => {
    expect(({} as Record<string, unknown>)["role"]).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test("is made for every operation, and for every field of every body", () => {
    for (const operation of world.operations) {
      const own = judged.filter((one) => one.operation === operation);
      expect(own.length, operation.name).toBeGreaterThan(25);
      for (const { way } of operation.body ? fieldsOf(operation.body) : [])
        expect(own.map(({ hostile }) => hostile.what.split(":")[0])).toContain(`field ${way}`);
    }
  });

  test("comes as far as the database where its text is allowed", () => {
    const done = judged.filter(
      ({ hostile, answer }) => hostile.what.startsWith("field") && answer.status < 300,
    );
    expect(new Set(done.map(({ operation }) => operation.name)).size).toBeGreaterThan(3);
  });
});

function codeOf({ body }: Answer): string | undefined {
  try {
    return (JSON.parse(body.toString()) as { code?: string }).code;
  } catch {
    return undefined;
  }
}
