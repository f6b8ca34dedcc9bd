import type { IncomingMessage, ServerResponse } from "node:http";
import { isDiskFull } from "../ports/disk-full.ts";
import type { ObjectKey } from "../ports/objects.ts";
import { type Admitted, admitUpload, type Problem } from "./object-admission.ts";
import { type Answer, refusal, sendAnswer } from "./object-answer.ts";
import { etagOf } from "./object-parts.ts";
import { metadataPrefix, putHeaders } from "./object-signing.ts";
import type { NewPart } from "./object-uploads.ts";
import type { EmbeddedObjects, ObjectIntake } from "./objects.ts";

/** Browsers may remember a preflight for so long. */
const preflightSeconds = "3000";

const notServed: Problem = { status: 405, code: "method_not_allowed", detail: "Only PUT is served." };
const alreadyThere: Problem = {
  status: 412,
  code: "already_there",
  detail: "There is an object under this key.",
};
const noSuchUpload: Problem = {
  status: 404,
  code: "no_such_upload",
  detail: "This upload is unknown or over.",
};
const otherBytes: Problem = {
  status: 400,
  code: "checksum_differs",
  detail: "The bytes are not those whose SHA-256 was signed.",
};
const ourFault: Problem = {
  status: 500,
  code: "internal",
  detail: "The store failed; send the same request again.",
};

const noRoom: Problem = {
  status: 503,
  code: "unavailable",
  detail: "The store has no room just now. Send the same request again in a few seconds.",
};
/** Seconds after which a client may try again; it goes on asking until somebody has made room. */
const noRoomRetrySeconds = "5";

type MayBegin = (key: ObjectKey) => Promise<void>;
const atOnce: MayBegin = async () => {};

/**
 * Serves the signed URLs of the store: PUT and its preflight, nothing else. Never rejects.
 * Mount it on the path of `publicUrl` for the server's `request` and its `checkContinue` alike: then a client that
 * expects 100-continue is refused before it sends its body. The server's `requestTimeout` bounds slow bodies.
 * `mayBegin` resolves when the body of an upload that is in order may be taken in.
 */
export function createObjectServer({ intake }: Pick<EmbeddedObjects, "intake">, mayBegin: MayBegin = atOnce) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A response to a client that is gone fails; there is nobody left to tell.
    response.on("error", () => {});
    let answer: Answer;
    try {
      answer = await answerTo(intake, mayBegin, request, response);
    } catch (error) {
      // A body that breaks off, or that nobody has read when the client hangs up, is the client's doing.
      if (request.destroyed && !request.readableEnded) return void request.socket.destroy();
      intake.onFault(error);
      answer = faultAnswer(error);
    }
    await sendAnswer(request, response, answer);
  };
}

function faultAnswer(error: unknown): Answer {
  if (!isDiskFull(error)) return refusal(ourFault);
  return { ...refusal(noRoom), headers: { "retry-after": noRoomRetrySeconds } };
}

async function answerTo(
  intake: ObjectIntake,
  mayBegin: MayBegin,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  if (request.method === "OPTIONS") return preflight(request);
  if (request.method !== "PUT") return { ...refusal(notServed), headers: { allow: "PUT, OPTIONS" } };
  const upload = admitUpload(request, intake.signer, intake.clock.now());
  if ("status" in upload) return refusal(upload);
  const early = await refusedBeforeBody(intake, upload);
  if (early) return refusal(early);
  await mayBegin(upload.key);
  if (request.headers.expect !== undefined) response.writeContinue();
  // Without destroyOnReturn a fault of the disk could not be answered: the iterator would take the connection along.
  const body: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  if (upload.part) return await receivePart(intake, { ...upload, ...upload.part }, body);
  return await receiveObject(intake, upload, body);
}

async function refusedBeforeBody(intake: ObjectIntake, { key, part }: Admitted): Promise<Problem | null> {
  if (part) return (await intake.uploads.isOpen(key, part.uploadId)) ? null : noSuchUpload;
  return (await intake.store.holds(key)) ? alreadyThere : null;
}

async function receiveObject(
  intake: ObjectIntake,
  { key, sha256, sizeBytes, mediaType, metadata }: Admitted,
  body: AsyncIterable<Uint8Array>,
): Promise<Answer> {
  const is = {
    sizeBytes,
    mediaType,
    metadata,
    compositeSha256: null,
    expectedSha256: sha256,
    givesChunks: true,
  };
  const { outcome } = await intake.store.write(key, body, is);
  switch (outcome) {
    case "created":
      intake.announce(key);
      return accepted(sha256);
    case "exists":
      return refusal(alreadyThere);
    case "differs":
      return refusal(otherBytes);
  }
}

async function receivePart(
  { uploads }: ObjectIntake,
  part: NewPart,
  body: AsyncIterable<Uint8Array>,
): Promise<Answer> {
  const outcome = await uploads.putPart(part, body);
  switch (outcome) {
    case "stored":
      return accepted(part.sha256);
    case "unknown":
      return refusal(noSuchUpload);
    case "differs":
      return refusal(otherBytes);
  }
}

function accepted(sha256: string): Answer {
  const checksum = Buffer.from(sha256, "hex").toString("base64");
  return { status: 200, headers: { etag: etagOf(sha256), "x-amz-checksum-sha256": checksum } };
}

function preflight({ headers }: IncomingMessage): Answer {
  if (headers["access-control-request-method"] !== "PUT") {
    return refusal({ status: 403, code: "cross_origin_denied", detail: "Other pages may send PUT only." });
  }
  const asked = (headers["access-control-request-headers"] ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const allowed = asked.filter((name) => putHeaders.includes(name) || name.startsWith(metadataPrefix));
  return {
    status: 204,
    headers: {
      "access-control-allow-methods": "PUT",
      "access-control-allow-headers": allowed.join(", "),
      "access-control-max-age": preflightSeconds,
      vary: "access-control-request-headers",
    },
  };
}
