import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Exercised } from "./exercise.ts";
import { judgeAnswer } from "./judge-answer.ts";
import {
  findDifferences,
  findInfluence,
  findLeaks,
  findOtherThanNotFound,
  findUntried,
} from "./judge-matrix.ts";
import { marker } from "./mark-tenant.ts";
import { type Matrix, runMatrix } from "./run-matrix.ts";

let matrix: Matrix;
beforeAll(async () => (matrix = await runMatrix()), 120_000);
afterAll(() => matrix.close());
const all = (): Exercised[] => [...matrix.exercised, ...matrix.readings.empty, ...matrix.readings.full];

describe("every role against every operation and every object", () => {
  test("tries all that the document describes, with success and on objects of another tenant", () => {
    expect(findUntried(matrix.operations, matrix.exercised)).toEqual([]);
  });

  test("is answered as the document says, and never by a fault of ours", () => {
    expect(all().flatMap(({ operation, answer }) => judgeAnswer(operation, answer))).toEqual([]);
  });

  test("is told that an object of another tenant is not there", () => {
    expect(findOtherThanNotFound(matrix.exercised)).toEqual([]);
  });

  test("cannot tell an object that it may not see from one that does not exist", () => {
    expect(findDifferences(matrix.exercised)).toEqual([]);
  });

  test("sees no text and no id that is not for them, in no header, list, cursor or body", () => {
    expect(all().flatMap((one) => findLeaks(one, matrix))).toEqual([]);
  });

  test("reads the same whether another tenant is empty or full: no count, no order, no cursor changes", () => {
    expect(matrix.readings.empty.length).toBeGreaterThan(100);
    expect(findInfluence(matrix.readings.empty, matrix.readings.full)).toEqual([]);
  });

  test("changes no row of another tenant", () => {
    expect(matrix.untouched.after).toEqual(matrix.untouched.before);
  });

  test("sees a colleague's documents as an agent or admin: the matrix is not red for want of objects", () => {
    for (const who of ["agent", "admin"]) {
      const done = matrix.exercised.filter(
        (one) => one.who === who && one.whose === "colleague's" && one.answer.status < 300,
      );
      expect(new Set(done.map(({ operation }) => operation.name)).size).toBeGreaterThan(6);
    }
  });
});

describe("whoever may not come in", () => {
  test.each([
    ["nobody", "bearer", 401, "token_missing"],
    ["nobody", "ticket", 403, "invalid_ticket"],
    ["disabled", "bearer", 403, "disabled"],
    ["disabled", "ticket", 403, "disabled"],
  ])("as %s with a %s is told %i %s, whatever they ask for", (who, security, status, code) => {
    const answers = matrix.exercised.filter((one) => one.who === who && one.operation.security === security);
    expect(answers.length).toBeGreaterThan(0);
    for (const { answer, operation } of answers) {
      expect([operation.name, answer.status]).toEqual([operation.name, status]);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code });
    }
  });
});

test("the other tenant had a row in every table, and its mark in every column that takes words", () => {
  expect(matrix.marked.empty).toEqual([]);
  expect(matrix.marked.columns.length).toBeGreaterThan(40);
  expect(matrix.foreignIds.size).toBeGreaterThan(200);
});

describe("the judge finds", () => {
  const some = (): Exercised => matrix.exercised.find(({ answer }) => answer.status === 404)!;
  const withBody = (text: string, headers = {}): Exercised => {
    const one = some();
    return {
      ...one,
      answer: { ...one.answer, headers: { ...one.answer.headers, ...headers }, body: Buffer.from(text) },
    };
  };
  const foreignId = () => [...matrix.foreignIds][0]!;
  const base64 = (text: string) => Buffer.from(text).toString("base64url");

  const isForeignPath = ({ whose, operation, answer }: Exercised) =>
    whose === "foreign" && answer.status === 404 && operation.path.includes("{");

  test.each<[string, () => Exercised]>([
    ["a marked text in a body", () => withBody(`{"a":"${marker}"}`)],
    ["a marked text in another case", () => withBody(marker.toUpperCase())],
    ["a marked text in a header", () => withBody("{}", { etag: marker })],
    ["a marked text in base64", () => withBody(base64(`xx${marker}`))],
    ["a foreign id", () => withBody(`{"id":"${foreignId()}"}`)],
    [
      "a document of a colleague",
      () => ({ ...withBody(`{"id":"${[...matrix.hiddenIds.get("driver")!][0]}"}`), who: "driver" }),
    ],
    ["a foreign id within a cursor", () => withBody(`{"nextCursor":"${base64(`1.${foreignId()}`)}"}`)],
  ])("%s", (_what, make) => {
    expect(findLeaks(make(), matrix)).not.toEqual([]);
  });

  test("an operation that the matrix cannot do, and one that it never tried on others", () => {
    const fresh = { ...some().operation, name: "showSecret", path: "/v1/secrets/{id}" };
    expect(findUntried([...matrix.operations, fresh], matrix.exercised)).toHaveLength(2);
  });

  test("an answer that differs by one letter or one header", () => {
    const forged = (change: Partial<Exercised["answer"]>) =>
      matrix.exercised.map((one) =>
        one === foreign ? { ...one, answer: { ...one.answer, ...change } } : one,
      );
    const foreign = matrix.exercised.find(isForeignPath)!;
    const { body, headers } = foreign.answer;
    expect(findDifferences(forged({ body: Buffer.from(`${body.toString()} `) }))).toHaveLength(1);
    expect(findDifferences(forged({ headers: { ...headers, etag: "1" } }))).toHaveLength(1);
    expect(findOtherThanNotFound(forged({ status: 403 }))).toHaveLength(1);
  });
});
