import { randomUUID } from "node:crypto";
import { systemIds } from "@strongroom/core/ids";
import { jsonLog } from "@strongroom/core/log";
import type { ObjectKey } from "@strongroom/core/ports/objects";
import type { Ports } from "@strongroom/core/ports/ports";
import { readUploadEvent } from "@strongroom/core/ports/upload-event";
import { stagingKey } from "@strongroom/core/upload/staging-key";
import type { SQSEvent } from "aws-lambda";
import { beforeEach, describe, expect, test } from "vitest";
import { usePorts } from "../ports.ts";
import { handler } from "./ingest-upload.ts";

const staging = () =>
  stagingKey(systemIds, { tenantId: randomUUID(), documentId: systemIds.uuid(), fileId: randomUUID() });
const created = (...keys: string[]) =>
  JSON.stringify({
    Records: keys.map((key) => ({
      eventName: "ObjectCreated:Put",
      s3: { bucket: { name: "b" }, object: { key, size: 1 } },
    })),
  });
const batch = (bodies: string[]): SQSEvent =>
  ({ Records: bodies.map((body, index) => ({ messageId: `m${index}`, body })) }) as unknown as SQSEvent;

let lines: Record<string, unknown>[];
let asked: ObjectKey[];
let broken: Set<ObjectKey>;
beforeEach(() => {
  [lines, asked, broken] = [[], [], new Set()];
  const objects = {
    head: async (key: ObjectKey) => {
      asked.push(key);
      if (broken.has(key)) throw new Error("the store does not answer");
      return null;
    },
  };
  usePorts({
    objects,
    log: jsonLog({}, (line) => void lines.push(JSON.parse(line) as Record<string, unknown>)),
  } as unknown as Ports);
});

describe("a batch of notifications", () => {
  test("has every key looked at in the store, several in one message too", async () => {
    const keys = [staging(), staging(), staging()] as const;
    expect(await handler(batch([created(keys[0], keys[1]), created(keys[2])]))).toEqual({
      batchItemFailures: [],
    });
    expect(asked.toSorted()).toEqual(keys.toSorted());
  });

  test("has only those come again that failed", async () => {
    const [well, ill] = [staging(), staging()];
    broken.add(ill);
    expect(await handler(batch([created(well), created(ill), created(well)]))).toEqual({
      batchItemFailures: [{ itemIdentifier: "m1" }],
    });
    expect(lines).toEqual([
      expect.objectContaining({
        event: "ingest.failed",
        messageId: "m1",
        error: expect.stringContaining("does not answer"),
      }),
    ]);
  });

  test("may hold the test event of S3, foreign keys and nothing at all", async () => {
    const test = JSON.stringify({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "b" });
    expect(await handler(batch([test, created("somebody/else"), created()]))).toEqual({
      batchItemFailures: [],
    });
    expect(asked).toEqual([]);
    expect(lines).toEqual([expect.objectContaining({ event: "ingest.unknown_key" })]);
  });

  test("keeps what nobody can read for the dead letters", async () => {
    const unread = ["", "{", "{}", "null", '{"Records":[{"s3":{}}]}', created("s/%ff")];
    const { batchItemFailures } = await handler(batch(unread));
    expect(batchItemFailures).toHaveLength(unread.length);
  });

  test("brings keys percent-encoded, with a plus for a space", async () => {
    const key = staging();
    await handler(batch([created(encodeURIComponent(key))]));
    expect(asked).toEqual([key]);
    expect(readUploadEvent(created("some+other%2Bkey/%C3%B6", key))).toEqual(["some other+key/ö", key]);
  });
});
