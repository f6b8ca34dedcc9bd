import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPort } from "../port.ts";
import { type Engine, engineVersions } from "./engines.ts";
import { runClient } from "./fetch-engine.ts";
import { fetchMaven } from "./fetch-maven.ts";
import { removeDirectory, type ServerProcess, startServerProcess } from "./server-process.ts";

/** One Apache Kafka node, controller and broker in one (KRaft), which may be killed and started again. */
export type KafkaBroker = {
  /** `127.0.0.1:<port>`, plain text. */
  bootstrap: string;
  /** Kills the broker with SIGKILL; what it acknowledged lies in its data directory. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

const fetchKafka = () =>
  fetchMaven("kafka", { group: "org.apache.kafka", id: "kafka_2.13", version: engineVersions.kafka });

/** Topics are not made by themselves; replication is one everywhere. Java 17 or later. */
export const kafkaBroker: Engine<KafkaBroker> = {
  name: "kafka",
  needs: ["java"],
  fetch: async () => void (await fetchKafka()),
  async start() {
    const jars = join(await fetchKafka(), "*");
    const directory = await mkdtemp(join(tmpdir(), "strongroom-kafka-"));
    const [port, controllerPort] = [await findPort(0), await findPort(0)];
    const properties = join(directory, "server.properties");
    await writeFile(properties, settings({ port, controllerPort, data: join(directory, "data") }));
    await writeFile(join(directory, "log4j2.xml"), logging);
    const java = [
      "-Xmx512m",
      "-XX:TieredStopAtLevel=1",
      `-Dlog4j2.configurationFile=${join(directory, "log4j2.xml")}`,
      "-cp",
      jars,
    ];
    await runClient("java", [
      ...java,
      "kafka.tools.StorageTool",
      "format",
      "-t",
      clusterId,
      "-c",
      properties,
    ]);
    const launch = (): Promise<ServerProcess> =>
      startServerProcess({ command: "java", args: [...java, "kafka.Kafka", properties], directory, port });
    let broker = await launch();
    return {
      bootstrap: `127.0.0.1:${port}`,
      kill: () => broker.kill(),
      async restart() {
        broker = await launch();
      },
      async stop() {
        await broker.stop();
        await removeDirectory(directory);
      },
    };
  },
};

/** 16 bytes in base64url, as Kafka wants it. */
const clusterId = "c3Ryb25ncm9vbXRlc3QwMA";

const settings = ({ port, controllerPort, data }: { port: number; controllerPort: number; data: string }) =>
  Object.entries({
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    // A killed broker is let in again once its session is over; nine seconds unless set.
    "broker.session.timeout.ms": 1_500,
    "broker.heartbeat.interval.ms": 300,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");

const logging = `<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c)%n%throwable"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>
`;
