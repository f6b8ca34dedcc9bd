import { Refusal } from "@strongroom/core/errors";
import type { Ports } from "@strongroom/core/ports/ports";
import { readUploadEvent } from "@strongroom/core/ports/upload-event";
import { ingestUpload } from "@strongroom/core/upload/ingest-upload";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { connectedPorts } from "../ports.ts";
import { asError } from "../problem.ts";

/**
 * Object-created notifications of the staging bucket, through SQS. Only the messages that failed come again (partial batch
 * response). Idempotent by object key: a notification is a hint, and a repeated one finds nothing left to do.
 */
export async function handler(event: SQSEvent): Promise<SQSBatchResponse> {
  const ports = await connectedPorts();
  const outcomes = await Promise.all(event.Records.map((record) => ingest(ports, record)));
  return {
    batchItemFailures: outcomes.flatMap((messageId) =>
      messageId === null ? [] : [{ itemIdentifier: messageId }],
    ),
  };
}

/** The id of the message if it has to come again. One that cannot be read comes again too: the dead letters show it. */
async function ingest(ports: Ports, { messageId, body }: SQSRecord): Promise<string | null> {
  try {
    for (const key of readUploadEvent(body)) await ingestKey(ports, key);
    return null;
  } catch (error) {
    ports.log.error("ingest.failed", { messageId, error: asError(error) });
    return messageId;
  }
}

/** A Refusal is the uploader's affair and no later delivery changes it. */
async function ingestKey(ports: Ports, key: string): Promise<void> {
  try {
    await ingestUpload(ports, key);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    ports.log.info("ingest.refused", { code: error.code });
  }
}
