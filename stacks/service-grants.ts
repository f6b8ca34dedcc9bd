import { use } from "sst/constructs";
import { allow } from "./allow.ts";
import { keys } from "./keys.ts";
import { queues } from "./queues.ts";
import type { CellName } from "./stage.ts";

/** What may be done with keys: data keys of ours only, as their encryption context says. */
export function keyGrants() {
  const { dataKeyArn, receiptKeyArn } = use(keys);
  const ours = { StringEquals: { "kms:EncryptionContext:app": "strongroom" } };
  return {
    makeDataKey: () => allow(["kms:GenerateDataKey"], [dataKeyArn], ours),
    openDataKey: () => allow(["kms:Decrypt"], [dataKeyArn], ours),
    sign: () =>
      allow(["kms:Sign"], [receiptKeyArn], { StringEquals: { "kms:SigningAlgorithm": "ECDSA_SHA_256" } }),
    tellPublicKey: () => allow(["kms:GetPublicKey"], [receiptKeyArn]),
  };
}

/** What may be done with the queues of a cell. */
export function queueGrants(cell: CellName) {
  const { ingest, documents, late } = use(queues)(cell);
  const pairs = [ingest, documents, late];
  return {
    ring: () => allow(["sqs:SendMessage"], [documents.queue.queueArn, late.queue.queueArn]),
    answerBells: () =>
      allow(
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        [documents.queue.queueArn, late.queue.queueArn],
      ),
    sweepDeadLetters: () =>
      allow(
        ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
        pairs.map(({ dead }) => dead.queueArn),
      ),
    measureQueues: () =>
      allow(
        ["sqs:GetQueueAttributes"],
        pairs.flatMap(({ queue, dead }) => [queue.queueArn, dead.queueArn]),
      ),
  };
}
