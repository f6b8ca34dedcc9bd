import { cpus } from "node:os";
import { readStat } from "./cpu.ts";
import { drawPhoto } from "./draw-photo.ts";
import { freezeProcessor } from "./load/freeze-processor.ts";
import { wallMs } from "./load/open-loop.ts";
import { sendDocument } from "./load/send-document.ts";
import { type StartedSystem, startForLoad } from "./load/started-system.ts";
import { residentMb, watchTogether } from "./memory-peak.ts";
import { type BenchOptions, figure, type Race } from "./race.ts";

const atOnce = 6;
const limitMs = 300_000;

/** Whole documents of one 12-megapixel photo through every process of `npm start`: how fast, and where their CPU time goes. */
export async function raceDocuments({ quick }: BenchOptions): Promise<Race[]> {
  const documents = quick ? 12 : 96; // of 48, a twentieth of the time went to the first and the last, which leave a core idle
  const photo = await drawPhoto();
  const system = await startForLoad();
  try {
    const idle = await residentAtRest(system);
    await send(system, photo, quick ? 4 : 16); // warms everything up
    return [
      ...(await throughout(system, photo, documents)),
      ...(await processing(system, photo, documents, idle)),
    ];
  } finally {
    await system.stop();
  }
}

/** Sends documents, some at once, and waits until all are stored. */
async function send(system: StartedSystem, photo: Uint8Array, documents: number): Promise<void> {
  const { drivers } = system.companies[0]!;
  let left = documents;
  await Promise.all(
    Array.from({ length: atOnce }, async (_, index) => {
      while (left-- > 0) await sendDocument(drivers[index]!, photo);
    }),
  );
  await system.untilStored(limitMs);
}

async function throughout(system: StartedSystem, photo: Uint8Array, documents: number): Promise<Race[]> {
  const [before, startedMs] = [await cpuByKind(system), wallMs()];
  await send(system, photo, documents);
  const seconds = (wallMs() - startedMs) / 1_000;
  const spent = since(before, await cpuByKind(system), documents);
  const all = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  const ours = all - spent.client!;
  const shareOfRest = ((ours - spent.decoder!) * 100) / ours;
  const about = { limitName: "–", goal: "–", isMet: null };
  return [
    figure(
      {
        name: `documents of one 12-megapixel photo, ${atOnce} at once, from grant to stored`,
        unit: "documents/s",
        limitName: "cores ÷ CPU seconds per document, client included",
        goal: "≥ 0.70 × the limit",
        isMet: (_, ratio) => ratio >= 0.7,
      },
      [documents / seconds],
      [(cpus().length * 1_000) / all],
    ),
    figure(
      {
        name: "CPU of a document that is not image work, all processes but the decode child",
        unit: "%",
        limitName: "–",
        goal: "≤ 5 %",
        isMet: (share) => share <= 5,
      },
      [shareOfRest],
    ),
    ...Object.entries(spent).map(([kind, ms]) =>
      figure({ ...about, name: `CPU per document: ${kind}`, unit: "CPU-ms" }, [ms]),
    ),
  ];
}

/** The processor alone, on documents that came in while it stood still. */
async function processing(
  system: StartedSystem,
  photo: Uint8Array,
  documents: number,
  idle: number,
): Promise<Race[]> {
  const goOn = await freezeProcessor(system);
  const sent = send(system, photo, documents);
  while ((await waiting(system)) < documents) await new Promise((resolve) => setTimeout(resolve, 100));
  const [before, startedMs] = [await cpuByKind(system), wallMs()];
  goOn();
  const memory = watchTogether(() => pidsOfProcessor(system));
  await sent;
  const most = memory.stop();
  const seconds = (wallMs() - startedMs) / 1_000;
  const { client: _, ...spent } = since(before, await cpuByKind(system), documents);
  const all = Object.values(spent).reduce((sum, ms) => sum + ms, 0);
  const jobs = cpus().length;
  return [
    figure(
      {
        name: "the same, already received: from claim to stored",
        unit: "documents/s",
        limitName: "cores ÷ CPU seconds per document",
        goal: "≥ 0.85 × the limit",
        isMet: (_, ratio) => ratio >= 0.85,
      },
      [documents / seconds],
      [(jobs * 1_000) / all],
    ),
    figure(
      {
        name: `memory of processor and decode children at work, over a fresh start, per job (${jobs})`,
        unit: "MB",
        limitName: "–",
        goal: "≤ 100 MB",
        isMet: (mb) => mb <= 100,
      },
      [Math.max(0, most - idle) / jobs],
    ),
  ];
}

async function waiting(system: StartedSystem): Promise<number> {
  return [...(await system.outcomes()).values()].filter(
    ({ state }) => state === "received" || state === "processing",
  ).length;
}

const workerKinds = ["processor", "relay", "notifier"];

/** CPU milliseconds so far: of our own process (the client), of each kind of worker, the API, PostgreSQL, decode children. */
async function cpuByKind(system: StartedSystem): Promise<Record<string, number>> {
  const { user, system: kernel } = process.cpuUsage();
  const spent: Record<string, number> = { client: (user + kernel) / 1_000 };
  const add = (kind: string, ms: number) => (spent[kind] = (spent[kind] ?? 0) + ms);
  for (const { pid, kind, command } of await system.processes()) {
    const [time] = readStat(pid);
    if (!time) continue;
    const worker = workerKinds.find((name) => command.includes(` ${name}`));
    const named = kind === "main" ? "api" : kind === "worker" ? worker! : kind;
    add(named, time.ownMs);
    // Children that ended were counted by whoever waited for them: decoders by the processor, sessions by PostgreSQL.
    if (named === "processor") add("decoder", time.reapedMs);
    else if (named === "postgres") add("postgres", time.reapedMs);
  }
  return spent;
}

function since(
  before: Record<string, number>,
  after: Record<string, number>,
  documents: number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([kind, ms]) => [kind, (ms - (before[kind] ?? 0)) / documents]),
  );
}

/** Once it no longer grows: spare children are still starting when the system is ready. */
async function residentAtRest(system: StartedSystem): Promise<number> {
  for (let before = 0; ;) {
    const now = await residentOfProcessor(system);
    if (now - before < 1) return now;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function residentOfProcessor(system: StartedSystem): Promise<number> {
  return (await pidsOfProcessor(system)).reduce((sum, pid) => sum + residentMb(pid).now, 0);
}

/** Of the processor and its decode children. */
async function pidsOfProcessor(system: StartedSystem): Promise<number[]> {
  return (await system.processes())
    .filter(
      ({ kind, command }) => kind === "decoder" || (kind === "worker" && command.includes(" processor")),
    )
    .map(({ pid }) => pid);
}
