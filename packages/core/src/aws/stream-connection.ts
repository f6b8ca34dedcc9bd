import { randomUUID } from "node:crypto";
import type { BaseOptions } from "@platformatic/kafka";

/** How to reach a cluster. `msk-iam` is TLS with a token of the process's own AWS role; `plain` is for loopback. */
export type KafkaConnection = {
  /** `host:port` of some brokers; the others are learned from them. */
  brokers: string[];
  auth: { kind: "msk-iam"; region: string } | { kind: "plain" };
  /** Stands before the names of topics and groups, so that stages may share a cluster: `pr-12.`, or nothing. */
  prefix: string;
};

/** Retries of one request before its fault is shown: with their pauses about 3 s, a restart of a broker or two. */
const retries = 5;
const longestPauseMs = 1_500;

/** What every client of the cluster is made with. */
export function clientOptions({ brokers, auth }: KafkaConnection, role: string): BaseOptions {
  return {
    clientId: `strongroom-${role}-${randomUUID().slice(0, 8)}`,
    bootstrapBrokers: brokers,
    connectTimeout: 3_000,
    requestTimeout: 15_000,
    retries,
    retryDelay: (_client, _operation, attempt) => Math.min(longestPauseMs, 100 * 2 ** attempt),
    ...authentication(auth),
  };
}

/**
 * The client asks for a token whenever it connects, and again at four fifths of the session's life that the broker
 * names; a token of MSK lives 15 minutes and is signed here, without a call.
 */
function authentication(auth: KafkaConnection["auth"]): Pick<BaseOptions, "tls" | "sasl"> {
  if (auth.kind === "plain") return {};
  return { tls: {}, sasl: { mechanism: "OAUTHBEARER", token: () => mskToken(auth.region) } };
}

/** A token for MSK from the process's own AWS credentials: a signed URL in base64url. */
export async function mskToken(region: string): Promise<string> {
  const { generateAuthToken } = await import("aws-msk-iam-sasl-signer-js");
  return (await generateAuthToken({ region })).token;
}
