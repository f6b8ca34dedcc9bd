import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { completeUpload } from "@strongroom/core/upload/complete-upload";
import { processDocument } from "@strongroom/core/document/process-document";
import { claimDocument } from "@strongroom/core/job/claim-document";
import { releaseDocument } from "@strongroom/core/job/release-document";
import { sha256Hex } from "@strongroom/core/digest";
import { DocumentId, systemIds } from "@strongroom/core/ids";
import { createRenderer } from "@strongroom/eks-workers/render/pool";
import { seededPeople } from "@strongroom/local/seed";
import { type BenchWorld, benchWorld } from "./bench-world.ts";
import { drawPhoto } from "./draw-photo.ts";
import { raceInserts } from "./inserts.ts";
import { type BenchOptions, figure, type Race } from "./race.ts";
import { inScratch } from "./scratch.ts";

const driver = seededPeople[0]!;
const documents = 5;

/** Round trips to the database, counted at the wire; data keys, counted at the port; inserts beside a bare loop. */
export async function raceDatabase(options: BenchOptions): Promise<Race[]> {
  return await inScratch(async (directory) => {
    const world = await benchWorld(directory);
    try {
      return [...(await countTrips(world)), await raceInserts(world, options)];
    } finally {
      await world.close();
    }
  });
}

type Trips = Record<"grant" | "receive" | "claim" | "store", number> & { keys: number };

async function countTrips(world: BenchWorld): Promise<Race[]> {
  const renderer = await createRenderer({ concurrency: 1 });
  try {
    const counts: Trips[] = [];
    for (let n = 0; n <= documents; n++) counts.push(await countOne(world, renderer, 1 + (n % 3)));
    const of = (step: keyof Trips) => counts.slice(1).map((trips) => trips[step]);
    const part = (called: string, trips: number[]) =>
      figure({ unit: "round trips", limitName: "–", name: called, goal: "–", isMet: null }, trips);
    const inAll = counts.slice(1).map(({ grant, receive, claim, store }) => grant + receive + claim + store);
    const about = { unit: "round trips", limitName: "–" };
    const step = (name: string, trips: number[], most: number) =>
      figure({ ...about, name, goal: `≤ ${most}`, isMet: (count) => count <= most }, trips);
    return [
      figure(
        {
          name: "data keys asked for, per document",
          unit: "calls",
          limitName: "–",
          goal: "exactly 1",
          isMet: () => of("keys").every((keys) => keys === 1),
        },
        of("keys"),
      ),
      step("database, received → processing", of("claim"), 2),
      step("database, processing → stored", of("store"), 2),
      part("database, the request for a grant", of("grant")),
      part("database, the request to complete", of("receive")),
      step("database, a document from grant to stored", inAll, 10),
    ];
  } finally {
    await renderer.close();
  }
}

type Counted = Awaited<ReturnType<typeof createRenderer>>;

/** Takes one document through every step, alone, and counts. */
async function countOne({ ports, wire }: BenchWorld, renderer: Counted, pages: number): Promise<Trips> {
  const actor = { tenantId: driver.tenantId, userId: driver.userId, role: driver.role };
  const count = async <T>(work: () => Promise<T>) => {
    const before = wire.trips();
    const result = await work();
    return { trips: wire.trips() - before, result };
  };
  const photo = await drawPhoto({ width: 640, height: 480 });
  const files = Array.from({ length: pages }, () => Buffer.concat([photo, randomBytes(16)]));
  const declared = files.map((bytes) => ({
    name: "photo.jpg",
    mediaType: "image/jpeg",
    sizeBytes: bytes.length,
    sha256: sha256Hex(bytes),
  }));
  const id = DocumentId.parse(systemIds.uuid());
  const grant = await count(() => acceptUpload(ports, actor, { id, kind: "other", files: declared }));
  for (const [index, { requests }] of grant.result.uploads.entries())
    await putStaged(ports, requests[0]!.url, files[index]!);
  const received = await count(() => completeUpload(ports, actor, id));
  const bell = { tenantId: driver.tenantId, documentId: id };
  const claimed = await count(() => claimDocument(ports, bell, "worker:bench"));
  await releaseDocument(ports, claimed.result!);
  let keys = 0;
  const counting = {
    ...ports.keys,
    generateDataKey: (...context: Parameters<typeof ports.keys.generateDataKey>) => {
      keys += 1;
      return ports.keys.generateDataKey(...context);
    },
  };
  const stopping = new AbortController().signal;
  const processed = await count(() =>
    processDocument({ ...ports, keys: counting }, bell, { renderer, worker: "worker:bench", stopping }),
  );
  const { outcome } = processed.result;
  if (outcome !== "stored") throw new Error(`the document is ${outcome}`);
  return {
    grant: grant.trips,
    receive: received.trips,
    claim: claimed.trips,
    store: processed.trips - claimed.trips,
    keys,
  };
}

/** Puts a page where its signed URL says, without HTTP. */
async function putStaged(ports: BenchWorld["ports"], url: string, bytes: Buffer): Promise<void> {
  const key = decodeURIComponent(new URL(url).pathname.replace(/^\/objects\//, ""));
  const options = { sizeBytes: bytes.length, mediaType: "image/jpeg" };
  await ports.objects.put(key, Readable.from([bytes]), options);
}
