import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Hex } from "@strongroom/core/digest";
import { systemIds } from "@strongroom/core/ids";
import { silentLog } from "@strongroom/core/log";
import { stagingKey } from "@strongroom/core/upload/staging-key";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RunningSystem, startSystem } from "./system.ts";
import { uploadPace } from "./upload-pace.ts";

const decoders = 2;
let dataDirectory: string;
let system: RunningSystem;
beforeAll(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "strongroom-system-"));
  system = await startSystem({
    dataDirectory,
    port: 0,
    databaseUrl: null,
    log: silentLog,
    environment: { STRONGROOM_JOBS: `${decoders}` },
  });
});
afterAll(async () => {
  await system.stop();
  await rm(dataDirectory, { recursive: true });
});

/** One file as a phone uploads it, of a document that nobody knows. */
async function upload(tenantId: string): Promise<void> {
  const bytes = Uint8Array.from(systemIds.random(100));
  const owner = { tenantId, documentId: systemIds.uuid(), fileId: systemIds.uuid() };
  const { url, headers } = await system.ports.objects.signPut({
    key: stagingKey(systemIds, owner),
    sizeBytes: bytes.length,
    mediaType: "image/jpeg",
    sha256: sha256Hex(bytes),
    metadata: {},
    expiresInMs: 60_000,
  });
  const answer = await fetch(url, { method: "PUT", headers, body: bytes });
  expect(answer.status, await answer.text()).toBe(200);
}

it("the uploads of a company that floods begin at their pace while another's come in", async () => {
  const seconds = 2; // ten times as long as they take with nobody in their way; a machine that is as slow as that proves nothing
  const { burst, perSecond } = uploadPace(decoders);
  const many = burst + seconds * perSecond + 1;
  const other = systemIds.uuid();
  await upload(other);
  const others: Promise<void>[] = [];
  const coming = setInterval(() => {
    const one = upload(other);
    one.catch(() => {}); // told below
    others.push(one);
  }, 200);
  try {
    expect(await flood(many)).toBeGreaterThan(seconds * 1_000);
  } finally {
    clearInterval(coming);
    await Promise.all(others);
  }
});

/** Uploads of a new company, all at once; how many milliseconds they take together. */
async function flood(uploads: number): Promise<number> {
  const tenantId = systemIds.uuid();
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: uploads }, () => upload(tenantId)));
  return performance.now() - startedMs;
}
