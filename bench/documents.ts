import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@strongroom/cli/client";
import { followDocument } from "@strongroom/cli/follow-document";
import { uploadDocument } from "@strongroom/cli/upload-document";
import { systemIds } from "@strongroom/core/ids";
import { silentLog } from "@strongroom/core/log";
import { seededPeople } from "@strongroom/local/seed";
import { startSystem } from "@strongroom/local/system";
import { drawPhoto } from "./photo.ts";
import { cpuMsOfTree, type Race, spread } from "./race.ts";

const documents = 60;
const atOnce = 6;

/** Whole documents, from the first request to `stored`, through every process, beside what the cores could do at that CPU cost. */
export async function raceDocuments(): Promise<Race[]> {
  const directory = await mkdtemp(join(tmpdir(), "strongroom-bench-"));
  const path = join(directory, "photo.jpg");
  await writeFile(path, await drawPhoto());
  const system = await startSystem({
    dataDirectory: join(directory, "data"),
    port: 0,
    databaseUrl: process.env.DATABASE_URL ?? null,
    log: silentLog,
  });
  try {
    const driver = seededPeople[0]!;
    const client = createClient({
      url: system.url,
      token: await system.issuer.issueToken({ ...driver, hours: 1 }),
    });
    const sendOne = async () => {
      const id = systemIds.uuid();
      const startedMs = performance.now();
      await uploadDocument(client, { id, kind: "other", paths: [path] });
      const { state } = await followDocument(client, id);
      if (state !== "stored") throw new Error(`a document of the benchmark ended ${state}`);
      return performance.now() - startedMs;
    };
    await Promise.all([sendOne(), sendOne()]);
    return await measure(sendOne);
  } finally {
    await system.stop();
    await rm(directory, { recursive: true });
  }
}

async function measure(sendOne: () => Promise<number>): Promise<Race[]> {
  const cpuBefore = cpuMsOfTree(process.pid);
  const startedMs = performance.now();
  const times: number[] = [];
  let left = documents;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) times.push(await sendOne());
    }),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpuMs = (cpuMsOfTree(process.pid) - cpuBefore) / documents;
  const perSecond = documents / seconds;
  const possible = (cpus().length * 1_000) / cpuMs;
  const once = (value: number) => spread([value]);
  return [
    {
      name: `documents of one 12-megapixel photo, ${atOnce} at once, sent and followed by the client`,
      unit: "documents/s",
      more: true,
      ours: once(perSecond),
      limitName: "cores ÷ CPU seconds per document, client included",
      limit: once(possible),
      ratio: perSecond / possible,
      goal: "≥ 0.70",
    },
    {
      name: "CPU of all processes and the client, per document",
      unit: "CPU-ms",
      more: false,
      ours: once(cpuMs),
      limitName: "–",
      limit: null,
      ratio: null,
      goal: "–",
    },
    {
      name: "first request → stored",
      unit: "ms",
      more: false,
      ours: spread(times),
      limitName: "–",
      limit: null,
      ratio: null,
      goal: "–",
    },
  ];
}
