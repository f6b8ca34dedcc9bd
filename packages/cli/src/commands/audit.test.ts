import { generateKeyPairSync, sign } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { chain, type ChainedEntry, emptyChain } from "@strongroom/core/audit/chain";
import { signCheckpoint } from "@strongroom/core/audit/checkpoint";
import { calculateJwkThumbprint } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeHome, runCommand } from "../stand-in-terminal.ts";

const tenantId = "0197a2b4-0000-7000-8000-000000000001";
const entries: ChainedEntry[] = [];
for (let n = 1; n <= 5; n += 1)
  entries.push(
    chain(entries.at(-1) ?? emptyChain, {
      tenantId,
      id: `0197a2b4-0000-7000-8000-00000000000${n}`,
      at: "2030-01-02T03:04:05.678Z",
      actor: "user:ana",
      action: "document.read",
      subject: "a document",
      detail: { n },
    }),
  );

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = publicKey.export({ format: "jwk" }) as Record<string, string>;
const kid = await calculateJwkThumbprint(jwk);
const keys = { ...jwk, kid, alg: "ES256", use: "sig" };
const checkpoint = await signCheckpoint(
  {
    publicKeys: async () => [keys as never],
    sign: async (bytes) => ({
      kid,
      signature: sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" }),
    }),
  },
  {
    sequence: 1,
    at: "2030-01-02T03:05:00.000Z",
    previousSha256: null,
    heads: [{ tenantId, sequence: 3, hash: entries[2]!.hash }],
  },
);

let home: Awaited<ReturnType<typeof makeHome>>;
let [keysPath, checkpoints] = ["", ""];
beforeEach(async () => {
  home = await makeHome();
  keysPath = await home.file("keys.json", JSON.stringify({ keys: [keys] }));
  checkpoints = join(home.path, "checkpoints");
  await mkdir(checkpoints);
  // As an object of the embedded store lies on disk: facts and a mark behind the bytes.
  await home.file(
    "checkpoints/000000000001@",
    `${checkpoint}{"key":"v/checkpoints/000000000001"}\0\0\0\u0010SRO1`,
  );
});
afterEach(() => home.remove());

async function verify(trail: ChainedEntry[], ...more: string[]) {
  const path = await home.file("trail.jsonl", trail.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  const argv = ["audit", "verify", path, "--checkpoints", checkpoints, "--keys", keysPath, ...more];
  return await runCommand(argv, { home: home.path, as: null });
}

test("an untouched trail is intact, offline, and what is not proven is said", async () => {
  const { code, stdout } = await verify(entries);
  expect(code).toBe(0);
  expect(stdout).toContain("INTACT: 5 entries, of which 3 are vouched for by checkpoint 1 of");
  expect(stdout).toContain("the last 2 came after it, and could be cut off unnoticed");
  expect(stdout).toContain(`tenant ${tenantId}\n`); // an honest trail of somebody else is intact, too
  expect(JSON.parse((await verify(entries, "--json")).stdout)).toMatchObject({
    tenantId,
    outcome: "intact",
    proven: 3,
  });
});

test("a trail that was cut, edited or hashed anew is broken, where it is", async () => {
  expect(await verify(entries.slice(0, 2))).toMatchObject({
    code: 1,
    stdout: `BROKEN at entry 3: it is missing: taken out, or the tail was cut off.\n  tenant ${tenantId}\n`,
  });
  const edited = entries.with(1, { ...entries[1]!, entry: { ...entries[1]!.entry, actor: "user:ben" } });
  expect((await verify(edited)).stdout).toContain("BROKEN at entry 2: it was edited.\n");
  let head = emptyChain;
  const anew = edited.map(({ entry }) => (head = chain(head, entry)) as ChainedEntry);
  expect((await verify(anew)).stdout).toContain("BROKEN at entry 3: the trail was written anew");
});

test("a checkpoint that is damaged, or not signed by the given keys, breaks it", async () => {
  await home.file("checkpoints/000000000002@", `${checkpoint.slice(0, -8)}AAAAAAAA`);
  expect(await verify(entries)).toMatchObject({ code: 1, stdout: expect.stringContaining("does not fit") });
  const header = Buffer.from(`{"alg":"ES256","typ":"receipt","kid":"${kid}"}`).toString("base64url");
  await home.file("checkpoints/000000000002@", [header, ...checkpoint.split(".").slice(1)].join("."));
  expect((await verify(entries)).stdout).toContain("header of a file does not say that it is a checkpoint");
  await rm(join(checkpoints, "000000000002@"));
  keysPath = await home.file("keys.json", '{"keys":[]}');
  expect((await verify(entries)).stdout).toContain("not among the given ones");
});

test("a trail that no checkpoint saw is not proven, and a cron job can tell by the exit code", async () => {
  const others = entries.map(({ entry }) => ({ ...entry, tenantId: "0197a2b4-0000-7000-8000-000000000002" }));
  let head = emptyChain;
  const trail = others.map((entry) => (head = chain(head, entry)) as ChainedEntry);
  expect(await verify(trail)).toMatchObject({ code: 1, stdout: expect.stringContaining("NOT PROVEN") });
});

test("a trail that is none is not understood", async () => {
  const path = await home.file("photo.jpg", "a page\n");
  const argv = ["audit", "verify", path, "--checkpoints", checkpoints, "--keys", keysPath];
  expect((await runCommand(argv, { home: home.path, as: null })).code).toBe(2);
  expect((await verify([])).code).toBe(2);
  const hidden = JSON.parse(JSON.stringify(entries).replace('{"n":2}', '{"n":2,"__proto__":"and more"}'));
  expect((await verify(hidden)).code).toBe(2);
});
