import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  crashed,
  lapse,
  photo,
  processOnce,
  query,
  receive,
  rowOf,
  standInRenderer,
} from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256Hex } from "../digest.ts";
import { LoneFault, NoSuchObject } from "../errors.ts";
import { claimDocument } from "../job/claim-document.ts";
import { countCrash } from "../job/count-crash.ts";
import { LeaseLost } from "../job/hold-lease.ts";
import { Doorbell } from "../job/ring-doorbell.ts";
import type { Keys } from "../ports/keys.ts";
import type { Objects } from "../ports/objects.ts";
import { type Processed, type ProcessPorts, processDocument } from "./process-document.ts";
import { rejectDocument, storeDocument } from "./store-document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld({ maxRetries: 3, periods: { beat: 40 } })));
afterAll(() => world.close());

const received = (files = [randomBytes(200)]) => receive(world, world.dora, files);
/** As it is, without what a beat alone changes. */
async function stateOf(bell: Doorbell) {
  const { lease_until: _until, changed_at: _at, ...row } = await rowOf(world, bell);
  return row;
}
const traces = async ({ documentId }: Doorbell) => ({
  artefacts: await query(world, "select name from artefact where document_id = $1", [documentId]),
  keys: await query(world, "select attempt from document_key where document_id = $1", [documentId]),
  events: await query(world, "select type, version from outbox where document_id = $1 order by id", [
    documentId,
  ]),
});
const untouched = {
  artefacts: [],
  keys: [],
  events: [
    { type: "upload.accepted", version: 1 },
    { type: "document.received", version: 2 },
  ],
};
const ready = ({ documentId }: Doorbell) =>
  query(world, "update document set retry_at = null where id = $1", [documentId]);

async function drain(): Promise<Doorbell[]> {
  const bells: Doorbell[] = [];
  for (;;) {
    const messages = await world.ports.queue.receive("documents", {
      max: 10,
      waitMs: 0,
      visibilityMs: 60_000,
    });
    if (messages.length === 0) return bells;
    bells.push(...messages.map(({ body }) => Doorbell.parse(JSON.parse(body))));
  }
}

type Adapters = { objects?: Partial<Objects>; keys?: Partial<Keys> };
const broken = ({ objects = {}, keys = {} }: Adapters): ProcessPorts => ({
  ...world.ports,
  objects: { ...world.ports.objects, ...objects },
  keys: { ...world.ports.keys, ...keys },
});

/** A worker whose beats find nothing out, and renew nothing: the tokens in its transactions alone must hold. */
const deaf = (ports: ProcessPorts): ProcessPorts => ({
  ...ports,
  config: { ...ports.config, periods: { ...ports.config.periods, beat: 60_000 } },
});

/** One try, by a worker of the test's own. */
const once = () => ({
  renderer: standInRenderer(),
  worker: "worker:test",
  stopping: new AbortController().signal,
});

const down = () => Promise.reject(new Error("it is down"));
const lostAnswer =
  <A extends unknown[]>(act: (...args: A) => Promise<unknown>) =>
  async (...args: A) => {
    await act(...args);
    throw new Error("the connection was lost before the answer came");
  };
const faults: [string, () => Adapters][] = [
  ["staging cannot be read", () => ({ objects: { read: down } })],
  ["no data key is made", () => ({ keys: { generateDataKey: down } })],
  [
    "a data key is made, but its answer is lost",
    () => ({
      keys: { generateDataKey: lostAnswer(world.ports.keys.generateDataKey) as Keys["generateDataKey"] },
    }),
  ],
  ["nothing can be put into the vault", () => ({ objects: { put: down } })],
  [
    "all is put into the vault, but the answers are lost",
    () => ({ objects: { put: lostAnswer(world.ports.objects.put) as Objects["put"] } }),
  ],
  [
    "the vault cannot be read back",
    () => ({ objects: { read: (key) => (key.startsWith("v/") ? down() : world.ports.objects.read(key)) } }),
  ],
];

describe("a fault of ours", () => {
  it.each(faults)("when %s, the document is put off, and stored by the next try", async (_what, fault) => {
    const bell = await received();
    expect(await processOnce(broken(fault()), bell)).toBe("retried");
    expect(await rowOf(world, bell)).toMatchObject({
      state: "processing",
      retries: 1,
      claims: 0,
      decode_crashes: 0,
      lease_until: null,
    });
    expect((await rowOf(world, bell))["retry_at"]).toBeInstanceOf(Date);
    expect(await traces(bell)).toEqual(untouched);
    await ready(bell);
    expect(await processOnce(world.ports, bell)).toBe("stored");
    expect(await traces(bell)).toMatchObject({
      artefacts: [{}, {}, {}],
      keys: [{}],
      events: [{}, {}, { type: "document.stored", version: 3 }],
    });
  });

  it.each(faults)(
    "when %s at every try, the document is failed, listed with its reason, and kept in staging",
    async (_what, fault) => {
      const bell = await received();
      const outcomes: Processed[] = [];
      for (let tries = 0; tries < 4; tries += 1) {
        outcomes.push(await processOnce(broken(fault()), bell));
        await ready(bell);
      }
      expect(outcomes).toEqual(["retried", "retried", "failed", "skipped"]);
      expect(await rowOf(world, bell)).toMatchObject({
        state: "failed",
        reason: "processing_failed",
        version: 3,
      });
      expect(
        await query(
          world,
          "select id from document where state = 'failed' and settled_at is not null and id = $1",
          [bell.documentId],
        ),
      ).toHaveLength(1);
      const [file] = await query<{ staging_key: string }>(
        world,
        "select staging_key from document_file where document_id = $1",
        [bell.documentId],
      );
      expect(await world.ports.objects.head(file!.staging_key)).not.toBeNull();
    },
  );

  it.each(faults)("when %s, says that what the work needs may be away", async (_what, fault) => {
    const bell = await received();
    const { outcome, fault: told } = await processDocument(broken(fault()), bell, once());
    expect(outcome).toBe("retried");
    expect(told).toBeInstanceOf(Error);
    expect(told).not.toBeInstanceOf(LoneFault);
  });

  it("is of the document alone when its page is not in staging, at every try", async () => {
    const bell = await received();
    const [file] = await query<{ staging_key: string }>(
      world,
      "select staging_key from document_file where document_id = $1",
      [bell.documentId],
    );
    const { versionId } = (await world.ports.objects.head(file!.staging_key))!;
    await world.ports.objects.remove(file!.staging_key, versionId);
    const alone = { fault: expect.any(LoneFault) };
    for (const outcome of ["retried", "retried", "failed"]) {
      expect(await processDocument(world.ports, bell, once())).toMatchObject({ outcome, ...alone });
      await ready(bell);
    }
  });

  it("is of the document alone when a key of its attempt is taken; the next try has others", async () => {
    const bell = await received();
    const put: Objects["put"] = async (...args) => (
      await world.ports.objects.put(args[0], Readable.from([Buffer.from("x")]), {
        ...args[2],
        sizeBytes: 1,
        sha256: () => sha256Hex("x"),
      }),
      await world.ports.objects.put(...args)
    );
    const alone = { outcome: "retried", fault: expect.any(LoneFault) };
    expect(await processDocument(broken({ objects: { put } }), bell, once())).toMatchObject(alone);
    await ready(bell);
    expect(await processOnce(world.ports, bell)).toBe("stored");
  });

  it("is not of the document alone when the vault does not have what it was given a moment ago", async () => {
    const bell = await received();
    const read: Objects["read"] = (key) => world.ports.objects.read(key.replace(/^v\/.*/, "v/forgotten"));
    const { fault } = await processDocument(broken({ objects: { read } }), bell, once());
    expect(fault).toBeInstanceOf(NoSuchObject);
    expect(fault).not.toBeInstanceOf(LoneFault);
  });

  it("is logged with its cause", async () => {
    const lines: unknown[] = [];
    const log = {
      ...world.ports.log,
      warn: (event: string, fields?: object) => void lines.push({ event, ...fields }),
    };
    await processOnce({ ...broken({ objects: { put: down } }), log }, await received());
    expect(lines).toMatchObject([
      { event: "document.retried", retries: 1, error: { message: "it is down" } },
    ]);
  });

  it("when the database is gone is thrown, so that the bell rings again; the lease lapses by itself", async () => {
    const bell = await received();
    let transactions = 0;
    const { inOneTrip: claim } = world.ports.database;
    const inOneTrip: typeof claim = (...args) => (++transactions > 1 ? down() : claim(...args));
    const ports = { ...world.ports, database: { ...world.ports.database, inOneTrip, withTenant: down } };
    await expect(processOnce(ports, bell)).rejects.toThrow("it is down");
    expect(await rowOf(world, bell)).toMatchObject({ state: "processing", retries: 0 });
  });
});

describe("a document whose child dies under several claims", () => {
  const crashOf = (bell: Doorbell) => rowOf(world, bell).then((row) => row["decode_crashes"]);

  it("gets at most three children over all of them, counted in the database", async () => {
    const bell = await received();
    const outcomes: Processed[] = [];
    const tries: boolean[] = [];
    for (let claim = 0; claim < 3; claim += 1) {
      const renderer = standInRenderer(() => crashed());
      outcomes.push(
        await processOnce(claim < 2 ? broken({ objects: { put: down } }) : world.ports, bell, { renderer }),
      );
      tries.push(...renderer.jobs.map(({ tight }) => tight));
      await ready(bell);
    }
    expect(outcomes).toEqual(["retried", "retried", "stored"]);
    expect(tries).toEqual([false, true]);
    expect(await crashOf(bell)).toBe(2);
    expect(await rowOf(world, bell)).toMatchObject({ reason: "no_preview_decoder_crashed", page_count: 1 });
  });

  it("and whose worker dies with the first is tried tightly by the second, and not again", async () => {
    const bell = await received();
    const dying = standInRenderer(async (_job, before) => {
      if (before === 0) return crashed();
      await lapse(world, bell, 60_000);
      throw new LeaseLost("this worker is dead");
    });
    expect(await processOnce(deaf(world.ports), bell, { renderer: dying })).toBe("lost");
    const second = standInRenderer(() => crashed("timed_out"));
    expect(await processOnce(world.ports, bell, { renderer: second })).toBe("stored");
    expect(second.jobs.map(({ tight }) => tight)).toEqual([true]);
    expect(await rowOf(world, bell)).toMatchObject({
      decode_crashes: 2,
      claims: 1,
      reason: "no_preview_timed_out",
    });
  });
});

describe("a worker that is told to stop", () => {
  it("gives the document back whatever it is at: no counter moves, it is rung for at once, another finishes it", async () => {
    const hang = (signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    const never = () => new Promise<never>(() => {});
    const places: ((reached: () => void) => Parameters<typeof processOnce>[2] & { ports?: ProcessPorts })[] =
      [
        (reached) => ({ ports: broken({ objects: { read: () => (reached(), never()) } }) }),
        (reached) => ({ renderer: standInRenderer(({ signal }) => (reached(), hang(signal!))) }),
        (reached) => ({ ports: broken({ keys: { generateDataKey: () => (reached(), never()) } }) }),
        (reached) => ({
          ports: broken({
            objects: {
              put: (_key, body, { signal }) => (body.on("error", () => {}), reached(), hang(signal!)),
            },
          }),
        }),
        (reached) => ({
          ports: broken({
            objects: {
              read: (key) => (key.startsWith("v/") ? (reached(), never()) : world.ports.objects.read(key)),
            },
          }),
        }),
      ];
    for (const place of places) {
      const bell = await received();
      const stop = new AbortController();
      const reached = Promise.withResolvers<void>();
      const { ports = world.ports, ...options } = place(reached.resolve);
      const processing = processOnce(ports, bell, { ...options, stopping: stop.signal });
      await reached.promise;
      stop.abort("SIGTERM");
      expect(await processing).toBe("released");
      expect(await rowOf(world, bell)).toMatchObject({
        state: "processing",
        lease_until: null,
        retry_at: null,
        claims: 0,
        retries: 0,
        decode_crashes: 0,
      });
      // Once when it was received, once when it was given back.
      expect((await drain()).filter(({ documentId }) => documentId === bell.documentId)).toEqual([
        bell,
        bell,
      ]);
      expect(await processOnce(world.ports, bell)).toBe("stored");
    }
  });
});

/** Lets a rescuer claim the document; a beat of its holder may come between, then it lapses again. */
async function takeAway(bell: Doorbell): Promise<void> {
  do await lapse(world, bell);
  while ((await claimDocument(world.ports, bell, "worker:rescuer")) === null);
}

/** Where a zombie may wake up: its lease has lapsed and another has stored, or holds, the document. */
const wakingPlaces = [
  "it reads staging",
  "its child has answered",
  "its key is made",
  "its put has begun",
  "its put is done",
  "all is sealed",
] as const;
type Place = (typeof wakingPlaces)[number];

function zombiePorts(place: Place, sleep: () => Promise<void>): ProcessPorts {
  const { objects, keys } = world.ports;
  const at = async (here: Place) => void (here === place && (await sleep()));
  let back = 0;
  return broken({
    keys: {
      generateDataKey: async (context) =>
        [await keys.generateDataKey(context), await at("its key is made")][0] as never,
    },
    objects: {
      put: async (...args) => {
        await at("its put has begun");
        const put = await objects.put(...args);
        await at("its put is done");
        return put;
      },
      read: async (key) => {
        if (key.startsWith("s/")) await at("it reads staging");
        else if (++back === 3) await at("all is sealed");
        return await objects.read(key);
      },
    },
  });
}

describe.each(wakingPlaces)("a zombie that slept past its lease where %s", (place) => {
  it("drops its work: what the rescuer stored stands, every row as it was", async () => {
    const bell = await received();
    let slept = false;
    const sleep = async () => {
      if (slept) return;
      slept = true;
      await lapse(world, bell);
      expect(await processOnce(world.ports, bell, { worker: "worker:rescuer" })).toBe("stored");
    };
    const renderer = standInRenderer(async () => {
      if (place === "its child has answered") await sleep();
      return photo("of the zombie");
    });
    const ports = zombiePorts(place, sleep);
    expect(await processOnce(deaf(ports), bell, { renderer })).toBe("lost");
    expect(slept).toBe(true);
    expect(await rowOf(world, bell)).toMatchObject({ state: "stored", version: 3, claims: 1 });
    const { artefacts, keys, events } = await traces(bell);
    expect([artefacts.length, keys.length, events.length]).toEqual([3, 1, 3]);
    const attempts = await query(world, "select distinct attempt from artefact where document_id = $1", [
      bell.documentId,
    ]);
    expect(attempts).toEqual([{ attempt: (await rowOf(world, bell))["lease_token"] }]);
  });

  it("is told by its beat, and touches nothing of what the rescuer still works on", async () => {
    const bell = await received();
    const rescued: Promise<object>[] = [];
    const rescue = async () => {
      await takeAway(bell);
      return await stateOf(bell);
    };
    const sleep = async () => void (await (rescued[0] ??= rescue()));
    const renderer = standInRenderer(async () => {
      if (place === "its child has answered") await sleep();
      return photo();
    });
    expect(await processOnce(zombiePorts(place, sleep), bell, { renderer })).toBe("lost");
    expect(rescued).toHaveLength(1);
    expect(await stateOf(bell)).toEqual(await rescued[0]);
    expect(await traces(bell)).toEqual(untouched);
  });
});

it("a lost lease ends work that hangs, within a beat", async () => {
  const bell = await received();
  const renderer = standInRenderer(async ({ signal }) => {
    await takeAway(bell);
    return await new Promise((_resolve, reject) =>
      signal!.addEventListener("abort", () => reject(signal!.reason as Error)),
    );
  });
  expect(await processOnce(world.ports, bell, { renderer })).toBe("lost");
});

it("with a stale token nothing can be stored, rejected or counted", async () => {
  const bell = await received();
  const zombie = (await claimDocument(world.ports, bell, "worker:zombie"))!;
  await lapse(world, bell);
  await claimDocument(world.ports, bell, "worker:rescuer");
  const before = await rowOf(world, bell);
  const [file] = zombie.files;
  const rendered = {
    file: file!,
    path: "",
    fingerprint: "",
    mediaType: "image/jpeg",
    pages: [],
    pageCount: 1,
    noPreview: null,
    text: ["text"],
    captureFacts: null,
  };
  const artefact = {
    name: "original-1",
    mediaType: "image/jpeg",
    sizeBytes: 1,
    sha256: "0",
    sealedSizeBytes: 1,
    sealedSha256: "0",
    vaultKey: "v/zombie",
    versionId: "1",
  };
  const sealed = { artefacts: [artefact], wrappedKey: new Uint8Array(77), rootKeyId: "root" };
  const { isolation } = standInRenderer();
  const { ports } = world;
  await expect(storeDocument(ports, zombie, { files: [rendered], sealed, isolation })).rejects.toThrow(
    LeaseLost,
  );
  await expect(rejectDocument(ports, zombie, { reason: "unsupported_type", detail: "No." })).rejects.toThrow(
    LeaseLost,
  );
  await expect(
    countCrash(ports, zombie, file!, { mediaType: "image/png", noPreview: "timed_out" }),
  ).rejects.toThrow(LeaseLost);
  expect(await rowOf(world, bell)).toEqual(before);
  expect(await traces(bell)).toEqual(untouched);
  expect(
    await query(world, "select detected_type, no_preview_reason from document_file where document_id = $1", [
      bell.documentId,
    ]),
  ).toEqual([{ detected_type: null, no_preview_reason: null }]);
  expect(await query(world, "select page from page_text where document_id = $1", [bell.documentId])).toEqual(
    [],
  );
});
