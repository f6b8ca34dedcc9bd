import { Doorbell, ringDoorbell } from "./ring-doorbell.ts";
import { findDocument } from "../document/load-document.ts";
import type { Ports } from "../ports/ports.ts";
import type { Message, QueueName } from "../ports/queue.ts";
import { ingestUpload } from "../upload/ingest-upload.ts";
import { readUploadEvent } from "../ports/upload-event.ts";
import { stepTime } from "../step-time.ts";
import type { ReceivePorts } from "../upload/receive-document.ts";

type SweepPorts = ReceivePorts & Pick<Ports, "queue">;

/**
 * Acknowledges every dead letter that can be read, after doing what it asked for; one that cannot be read stays and is told.
 * After an outage there are thousands: each queue has the time of a step, and what is left of it is the next round's.
 */
export async function sweepDeadLetters(ports: SweepPorts): Promise<number> {
  let swept = 0;
  for (const queue of ["ingest", "documents", "late"] as const) swept += await sweep(ports, queue);
  return swept;
}

async function sweep(ports: SweepPorts, queue: QueueName): Promise<number> {
  const { isOver } = stepTime(ports);
  let swept = 0;
  let letters: Message[];
  do {
    letters = await ports.queue.receiveDead(queue, {
      max: 10,
      visibilityMs: ports.config.periods.visibility,
    });
    swept += await doAll(ports, queue, letters);
  } while (letters.length > 0 && !isOver());
  return swept;
}

async function doAll(ports: SweepPorts, queue: QueueName, letters: Message[]): Promise<number> {
  let swept = 0;
  for (const letter of letters) {
    try {
      await (queue === "ingest" ? ingestAgain(ports, letter) : ringAgain(ports, letter));
      await ports.queue.acknowledgeDead(queue, letter.receipt);
      swept += 1;
    } catch (error) {
      ports.log.error("dead_letter.kept", { queue, messageId: letter.id, error: error as Error });
    }
  }
  return swept;
}

async function ingestAgain(ports: SweepPorts, letter: Message): Promise<void> {
  for (const key of readUploadEvent(letter.body)) await ingestUpload(ports, key);
}

async function ringAgain(ports: SweepPorts, letter: Message): Promise<void> {
  const { tenantId, documentId } = Doorbell.parse(JSON.parse(letter.body));
  const document = await ports.database.inOneTrip(tenantId, (tx) => findDocument(tx, documentId));
  if (document?.state === "received" || document?.state === "processing") await ringDoorbell(ports, document);
}
