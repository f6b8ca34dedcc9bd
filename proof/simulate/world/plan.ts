import type { AcceptUploadRequest } from "@strongroom/core/api-shapes";
import { DocumentId } from "@strongroom/core/ids";
import type { Random } from "../random.ts";

/** What becomes of a document's bytes when a child decodes them. */
export const decodings = [
  "original only",
  "one page",
  "one crash",
  "crashes",
  "unsupported",
  "fault of ours",
] as const;

/** What one client is up to with one document. */
export type Plan = {
  request: AcceptUploadRequest;
  decoded: (typeof decodings)[number];
  /** Waits so long between the grant and the first byte; past seven days the grant ends meanwhile. */
  dawdleMs: number;
  /** Says when all is sent; else only the store's events tell. */
  completes: boolean;
  /** Starts so long after the history does. */
  startMs: number;
};

const day = 86_400_000;

/** One or two documents; the second may be the same content, or another request under the same id. */
export function drawPlans(random: Random): Plan[] {
  const first = drawPlan(random, 1, "first");
  const second = random.below(20);
  if (second < 12) return [first];
  if (second < 14) return [first, { ...drawPlan(random, 2, "second"), startMs: random.below(3_000) }];
  if (second < 17) return [first, { ...drawPlan(random, 2, "first"), startMs: random.pick([0, 90_000]) }];
  const other = drawPlan(random, 1, "other");
  return [first, { ...other, startMs: random.below(5_000) }];
}

function drawPlan(random: Random, number: number, content: string): Plan {
  const files = content === "first" ? 1 : 1 + random.below(2);
  return {
    request: {
      id: documentId(number),
      kind: "cmr",
      files: Array.from({ length: files }, (_, at) => fileOf(content, at + 1)),
    },
    decoded: random.pick([
      ...(["original only", "original only", "original only", "original only"] as const),
      ...decodings,
    ]),
    dawdleMs: random.chance(0.06) ? 8 * day : 0,
    completes: random.chance(0.6),
    startMs: 0,
  };
}

function documentId(number: number): DocumentId {
  return DocumentId.parse(`01980000-0000-7000-8000-${String(number).padStart(12, "0")}`);
}

function fileOf(content: string, position: number) {
  return {
    name: `${content}-${position}.jpg`,
    mediaType: "image/jpeg",
    sizeBytes: 100,
    sha256: digestOf(content, position),
  };
}

function digestOf(content: string, position: number): string {
  return Buffer.from(`${content} ${position}`).toString("hex").padEnd(64, "0");
}
