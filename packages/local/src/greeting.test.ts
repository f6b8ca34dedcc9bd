import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { greet } from "./greeting.ts";
import { openIssuer } from "./issuer.ts";
import { seededPeople } from "./seed.ts";

const url = "http://127.0.0.1:7010";
let dataDirectory: string;
beforeEach(async () => void (dataDirectory = await mkdtemp(join(tmpdir(), "strongroom-greeting-"))));
afterEach(() => rm(dataDirectory, { recursive: true }));

const greeting = async (logsToFile: boolean) => {
  const issuer = await openIssuer({ dataDirectory, issuer: `${url}/issuer`, audience: "strongroom" });
  return await greet({ url, dataDirectory, issuer }, { logsToFile });
};

test.each([
  [true, "(logs: local.log, workers.log)"],
  [false, "(logs: workers.log; this process writes to standard error)"],
])("names the logs that there are, and no other: a file of our own is one? %s", async (logsToFile, logs) =>
  expect(await greeting(logsToFile)).toContain(`  Data     ${dataDirectory}          ${logs}\n`),
);

test("names all root keys as what is to be kept, not the first one alone", async () => {
  const text = await greeting(true);
  expect(text).toContain(`  Keys     ${join(dataDirectory, "keys")}   keep a copy `);
  expect(text).not.toContain("root.key");
});

test("has a token for each person, and the hours that it says", async () => {
  const text = await greeting(true);
  const hours = Number(/tokens that work for (\d+) hours/.exec(text)![1]);
  const tokens = text.match(/(?<=^ {10})\S+$/gm)!.map((token) => decodeJwt(token));
  expect(tokens.map(({ sub }) => sub)).toEqual(seededPeople.map(({ userId }) => userId));
  for (const { iat, exp } of tokens) expect(Math.abs(exp! - iat! - hours * 3_600)).toBeLessThanOrEqual(1);
});
