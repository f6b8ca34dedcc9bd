import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../port.ts";
import { type Engine, engineVersions } from "./engines.ts";
import { fetchEngine, runClient } from "./fetch-engine.ts";
import { removeDirectory, startServerProcess } from "./server-process.ts";

/** An S3 over files that checks signatures and checksums; buckets are made by `CreateBucket`, addressed by path. */
export type S3Server = {
  /** Endpoint of the S3 client; set `forcePathStyle`. */
  url: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  stop(): Promise<void>;
};

const fetchGateway = () =>
  fetchEngine("s3", engineVersions.s3, async (directory) => {
    const module = `github.com/versity/versitygw/cmd/versitygw@v${engineVersions.s3}`;
    await runClient("go", ["install", module], { env: { GOBIN: directory, GOFLAGS: "-mod=mod" } });
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
    const port = await findPort(0);
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
      async stop() {
        await server.stop();
        await removeDirectory(directory);
      },
    };
  },
};
