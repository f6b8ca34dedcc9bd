import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findPort } from "../port.ts";
import { type Engine, engineVersions } from "./engines.ts";
import { fetchEngine, runClient } from "./fetch-engine.ts";
import { fetchGo } from "./fetch-go.ts";
import { removeDirectory, startServerProcess } from "./server-process.ts";

/** An S3 over files that checks signatures and checksums; buckets are made by `CreateBucket`, addressed by path. */
export type S3Server = {
  /** Endpoint of the S3 client; set `forcePathStyle`. */
  url: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** Has each notification of a created object, of whichever bucket, handed over from now on: JSON, as S3 writes it. */
  onCreated(take: (notification: string) => void): void;
  stop(): Promise<void>;
};

const fetchGateway = () =>
  fetchEngine("s3", engineVersions.s3, async (directory) => {
    const module = `github.com/versity/versitygw/cmd/versitygw@v${engineVersions.s3}`;
    const { command, env } = await fetchGo();
    await runClient(command, ["install", module], {
      env: { ...env, GOBIN: directory, GOFLAGS: "-mod=mod" },
    });
  });

/** Versity S3 Gateway over a directory, with versions. */
export const s3Server: Engine<S3Server> = {
  name: "s3",
  needs: [],
  fetch: async () => void (await fetchGateway()),
  async start() {
    const command = join(await fetchGateway(), "versitygw");
    const directory = await mkdtemp(join(tmpdir(), "strongroom-s3-"));
    const [buckets, versions] = [join(directory, "buckets"), join(directory, "versions")];
    await Promise.all([mkdir(buckets), mkdir(versions)]);
    const filter = join(directory, "events.json");
    await writeFile(filter, JSON.stringify({ "s3:ObjectCreated:*": true }));
    const [port, webhook] = [await findPort(0), await openWebhook()];
    const credentials = { accessKeyId: "strongroom", secretAccessKey: "strongroom-secret" };
    const env = {
      ROOT_ACCESS_KEY_ID: credentials.accessKeyId,
      ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    };
    const region = "eu-central-1";
    const args = [
      "--port",
      `127.0.0.1:${port}`,
      "--region",
      region,
      "--event-webhook-url",
      webhook.url,
      "--event-filter",
      filter,
      "posix",
      "--versioning-dir",
      versions,
      buckets,
    ];
    const server = await startServerProcess({ command, args, env, directory, port });
    return {
      url: `http://127.0.0.1:${port}`,
      region,
      credentials,
      onCreated: webhook.listen,
      async stop() {
        await server.stop();
        await webhook.close();
        await removeDirectory(directory);
      },
    };
  },
};

/** Where the gateway posts what happened: once, without waiting for the answer. It does not start without. */
async function openWebhook() {
  let tell: (notification: string) => void = () => {};
  const server = createServer((request, response) => {
    void text(request).then((notification) => {
      response.writeHead(204).end();
      tell(notification);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    listen: (take: (notification: string) => void) => void (tell = take),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
