import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../port.ts";
import { type Engine, engineVersions } from "./engines.ts";
import { fetchMaven } from "./fetch-maven.ts";
import { removeDirectory, startServerProcess } from "./server-process.ts";

/** An SQS in memory; queues are made by `CreateQueue`. It takes any credentials. */
export type ElasticmqServer = {
  /** Endpoint of the SQS client. */
  url: string;
  region: string;
  /** Kills the server with SIGKILL; its queues are lost. */
  kill(): Promise<void>;
  stop(): Promise<void>;
};

const fetchElasticmq = () =>
  fetchMaven("elasticmq", {
    group: "org.elasticmq",
    id: "elasticmq-server_2.13",
    version: engineVersions.elasticmq,
  });

/** ElasticMQ with AWS's own limits on. Java 17 or later. */
export const elasticmqServer: Engine<ElasticmqServer> = {
  name: "elasticmq",
  needs: ["java"],
  fetch: async () => void (await fetchElasticmq()),
  async start() {
    const jars = join(await fetchElasticmq(), "*");
    const directory = await mkdtemp(join(tmpdir(), "strongroom-elasticmq-"));
    const port = await findPort(0);
    const config = join(directory, "elasticmq.conf");
    await writeFile(config, settings(port));
    const args = [
      "-Xmx256m",
      "-XX:TieredStopAtLevel=1",
      `-Dconfig.file=${config}`,
      "-cp",
      jars,
      "org.elasticmq.server.Main",
    ];
    const server = await startServerProcess({ command: "java", args, directory, port });
    return {
      url: `http://127.0.0.1:${port}`,
      region: "elasticmq",
      kill: () => server.kill(),
      async stop() {
        await server.stop();
        await removeDirectory(directory);
      },
    };
  },
};

const settings = (port: number) => `include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = ${port}, context-path = "" }
rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = ${port}, sqs-limits = strict }
rest-stats { enabled = false }
`;
