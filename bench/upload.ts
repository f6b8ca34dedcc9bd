import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@strongroom/core/clock";
import { createEmbeddedObjects } from "@strongroom/core/embedded/objects";
import { createObjectServer } from "@strongroom/core/embedded/object-server";
import { systemIds } from "@strongroom/core/ids";
import type { SignedRequest } from "@strongroom/core/ports/objects";
import { type BenchOptions, type Race, race } from "./race.ts";
import { run } from "./run.ts";

const megabytes = 48;

/** Signed PUTs over loopback into the embedded store, all checks on, beside `dd` with fsync to the same disk. */
export async function raceUpload({ quick }: BenchOptions): Promise<Race> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-"));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/objects`;
  const objects = createEmbeddedObjects({
    root: join(directory, "objects"),
    publicUrl,
    signingKey: randomBytes(32),
    clock: systemClock,
  });
  const serve = createObjectServer(objects);
  server.on("request", (request, response) => void serve(request, response));
  const bytes = randomBytes(megabytes * 1_000_000);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(directory, "source"), bytes);
  try {
    return await race({
      name: `upload ${megabytes} MB into staging, checked and synced`,
      unit: "MB/s",
      limitName: "dd conv=fsync to the same disk",
      goal: "≥ 100 MB/s and ≥ 0.6 × the limit",
      isMet: (rate, ratio) => rate >= 100 && ratio >= 0.6,
      rounds: quick ? 1 : 7,
      ours: async () => {
        const key = `s/${systemIds.uuid()}/${systemIds.uuid()}/${systemIds.uuid()}/${Buffer.from(systemIds.random(16)).toString("hex")}`;
        const signed = await objects.signPut({
          key,
          sizeBytes: bytes.length,
          mediaType: "image/jpeg",
          sha256,
          metadata: {},
          expiresInMs: 60_000,
        });
        const startedMs = performance.now();
        await put(signed, bytes);
        return rate(startedMs);
      },
      limit: async () => {
        const startedMs = performance.now();
        await run("dd", [
          `if=${join(directory, "source")}`,
          `of=${join(directory, "copy")}`,
          "bs=1M",
          "conv=fsync",
        ]);
        return rate(startedMs);
      },
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true });
  }
}

const rate = (startedMs: number): number => (megabytes * 1_000) / (performance.now() - startedMs);

function put({ url, headers }: SignedRequest, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const sending = httpRequest(url, { method: "PUT", headers }, (response) => {
      response.resume();
      response.once("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    sending.once("error", reject);
    sending.end(bytes);
  });
}
