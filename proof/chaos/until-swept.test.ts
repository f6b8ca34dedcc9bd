import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { untilSweptFromNow } from "./until-swept.ts";

it("a sweep of before does not count, nor one that was cut off", async () => {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-swept-"));
  const mainLog = join(directory, "main.log");
  const whole = '{"event":"sweep.done","stagingOrphans":0,"vaultOrphans":536,"tookMs":36935}\n';
  const cutOff = '{"event":"sweep.done","stagingOrphans":0,"tookMs":11351}\n';
  const coming = [cutOff, whole];
  await writeFile(mainLog, whole);
  const sleep = async () => await appendFile(mainLog, coming.shift()!);
  await (
    await untilSweptFromNow({ mainLog }, sleep)
  )();
  expect(coming).toEqual([]);
  await rm(directory, { recursive: true });
});
