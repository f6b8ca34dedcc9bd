import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../port.ts";
import { type Engine, engineVersions } from "./engines.ts";
import { fetchEngine, runClient } from "./fetch-engine.ts";
import { removeDirectory, startServerProcess } from "./server-process.ts";

/** A KMS in memory; keys are made by `CreateKey`. It takes any credentials. */
export type KmsServer = {
  /** Endpoint of the KMS client. */
  url: string;
  region: string;
  stop(): Promise<void>;
};

/** Moto, and of what it can do the KMS alone. */
export const kmsServer: Engine<KmsServer> = {
  name: "kms",
  needs: ["python3"],
  fetch: async () => void (await fetchMoto()),
  async start() {
    const packages = await fetchMoto();
    const directory = await mkdtemp(join(tmpdir(), "strongroom-kms-"));
    const port = await findPort(0);
    const args = ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)];
    const env = { PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: "1" };
    const server = await startServerProcess({ command: "python3", args, env, directory, port });
    return {
      url: `http://127.0.0.1:${port}`,
      region: "eu-central-1",
      async stop() {
        await server.stop();
        await removeDirectory(directory);
      },
    };
  },
};

/** Compiled packages fit one version of Python only, so the cache is per version. */
async function fetchMoto(): Promise<string> {
  const python = "import sys; print('py%d.%d' % sys.version_info[:2])";
  const version = (await runClient("python3", ["-c", python])).trim();
  return await fetchEngine("kms", `${engineVersions.kms}-${version}`, async (directory) => {
    const wanted = [`moto[kms]==${engineVersions.kms}`, "flask==3.1.2", "flask-cors==6.0.1"];
    await runClient("python3", ["-m", "pip", "install", "--quiet", "--target", directory, ...wanted]);
  });
}
