import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { UploadReply } from "@strongroom/core/api-shapes";
import { defaultClaims } from "@strongroom/core/claim-names";
import type { Clock } from "@strongroom/core/clock";
import type { EmbeddedBackend } from "@strongroom/core/backend";
import { type Config, dividePeriods, type Periods } from "@strongroom/core/config";
import { sha256Hex } from "@strongroom/core/digest";
import { connectEmbedded, type EmbeddedPorts } from "@strongroom/core/embedded/connect";
import type { Faults } from "@strongroom/core/embedded/faults";
import { createObjectServer } from "@strongroom/core/embedded/object-server";
import { DocumentId, systemIds } from "@strongroom/core/ids";
import { type Log, silentLog } from "@strongroom/core/log";
import type { Actor } from "@strongroom/core/user/user";
import { type SeededPerson, seed, seededPeople } from "./seed.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

/** All of the domain over embedded ports, on a database and a directory of one test's own, without any process. */
export type TestWorld = {
  ports: EmbeddedPorts;
  config: Config & { backend: EmbeddedBackend };
  database: TestDatabase;
  directory: string;
  /** Dora and Emil drive for one tenant, Franz for the other; Agnes is Dora's agent, Arne her admin. */
  dora: Actor;
  emil: Actor;
  agnes: Actor;
  arne: Actor;
  franz: Actor;
  close(): Promise<void>;
};

type Options = { faults?: Faults; clock?: Clock; periods?: Partial<Periods>; log?: Log; maxRetries?: number };

/** Makes a world with its people; close it in `afterAll` or `afterEach`. */
export async function testWorld(options: Options = {}): Promise<TestWorld> {
  const database = await testDatabase();
  await seed(database.connections.owner);
  const directory = await mkdtemp(join(tmpdir(), "strongroom-test-"));
  const { server, url } = await listen();
  const config = testConfig(url, directory, database, options);
  const ports = await connectEmbedded(config, options.log ?? silentLog, {
    ...(options.faults && { faults: options.faults }),
  });
  const objectServer = createObjectServer(ports.objects);
  server.on("request", (request, response) => void objectServer(request, response));
  return {
    ports: options.clock ? { ...ports, clock: options.clock } : ports,
    config,
    database,
    directory,
    dora: actorOf("Dora Lind"),
    emil: actorOf("Emil Berg"),
    agnes: actorOf("Agnes Holm"),
    arne: actorOf("Arne Dahl"),
    franz: actorOf("Franz Huber"),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await ports.close();
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function testConfig(
  url: string,
  dataDirectory: string,
  database: TestDatabase,
  { periods, maxRetries = 8 }: Options,
): TestWorld["config"] {
  return {
    publicUrl: url,
    cell: "even",
    backend: { kind: "embedded", dataDirectory, connections: database.connections },
    auth: { issuer: `${url}/issuer`, audience: "strongroom", claims: defaultClaims },
    secrets: { uploadKey: randomBytes(32), ticketKey: randomBytes(32), originSecrets: [] },
    periods: { ...dividePeriods(1), ...periods },
    jobs: 2,
    maxRetries,
    backupDays: 35,
  };
}

async function listen(): Promise<{ server: Server; url: string }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function actorOf(name: SeededPerson["name"]): Actor {
  const { tenantId, userId, role } = seededPeople.find((person) => person.name === name)!;
  return { tenantId, userId, role };
}

/** A document id as a client makes it. */
export const newDocumentId = (): DocumentId => DocumentId.parse(systemIds.uuid());

/** A file as a client declares it (at most 16 MiB). */
export function declare(bytes: Uint8Array, name = "photo.jpg", mediaType = "image/jpeg") {
  return { name, mediaType, sizeBytes: bytes.length, sha256: sha256Hex(bytes) };
}

/** Sends every request of a grant as it stands; `files` in page order. Answers the statuses. */
export async function putAll(uploads: UploadReply["uploads"], files: Uint8Array[]): Promise<number[]> {
  const requests = uploads.flatMap(({ position, requests: some }) =>
    some.map((request) => ({ ...request, position })),
  );
  return await Promise.all(
    requests.map(async ({ url, headers, offset, sizeBytes, position }) => {
      const body = Uint8Array.from(files[position - 1]!.subarray(offset, offset + sizeBytes));
      const { "content-length": _length, ...rest } = headers; // fetch sets it from the body
      return (await fetch(url, { method: "PUT", headers: rest, body })).status;
    }),
  );
}
