import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { type AwsPorts, awsOf, connectCommon } from "./connect-lambda.ts";
import { createFcmPush } from "./push.ts";
import { createKafkaStream } from "./stream.ts";

/** Connections of a worker: one for each of its jobs, and some for beats and bells. */
const workerConnections = 10;

/** Connects every port of a worker; a stream or push that it was given no configuration for says so when it is called. */
export async function connectAws(config: Config, log: Log): Promise<AwsPorts> {
  const { kafka, push: firebase } = awsOf(config);
  const common = await connectCommon(config, log, { maxConnections: workerConnections, keepsPlans: true });
  const stream = kafka && createKafkaStream({ connection: kafka, log });
  const push = firebase && createFcmPush(firebase);
  return {
    ...common,
    ...(stream && { stream }),
    ...(push && { push }),
    close: async () => void (await Promise.all([common.close(), stream?.close(), push?.close()])),
  };
}
