import { PutObjectCommand, type PutObjectCommandOutput } from "@aws-sdk/client-s3";
import { pipeline } from "node:stream/promises";
import { checkContent } from "../ports/object-grant.ts";
import type { ObjectKey, Objects } from "../ports/objects.ts";
import { placeOf, statusOf, type Store } from "./object-client.ts";
import { head, versionOf } from "./object-facts.ts";
import { framing, trailerHeaders } from "./object-trailer.ts";

type Put = Objects["put"];

/**
 * Streams a body of known length; S3 takes its SHA-256 from the trailer behind it, and refuses other bytes. What fails
 * on one side ends the other: alone, a body that fails would leave the request open for ever.
 */
export async function put(store: Store, ...[key, body, options]: Parameters<Put>): ReturnType<Put> {
  const { sizeBytes, mediaType, metadata = {}, sha256, signal } = options;
  body.on("error", () => {}); // it may fail before anybody listens
  try {
    checkContent(mediaType, metadata);
    const framed = framing(sizeBytes, sha256);
    const content = { Body: framed, ContentType: mediaType, Metadata: metadata };
    const command = withTrailer(
      new PutObjectCommand({ ...placeOf(store, key), ...content, IfNoneMatch: "*" }),
      sizeBytes,
    );
    const stop = new AbortController();
    const until = signal ? AbortSignal.any([stop.signal, signal]) : stop.signal;
    until.throwIfAborted();
    const sending = store.client.send(command, { abortSignal: until });
    const both = [pipeline(body, framed, { signal: until }), sending] as const;
    for (const one of both) one.catch((error: unknown) => stop.abort(error));
    await Promise.allSettled(both);
    return await outcomeOf(store, key, both);
  } finally {
    body.destroy();
  }
}

function withTrailer(command: PutObjectCommand, sizeBytes: number): PutObjectCommand {
  command.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, trailerHeaders(sizeBytes));
      return next(args);
    },
    { step: "build", name: "strongroom-trailer", priority: "low" },
  );
  return command;
}

async function outcomeOf(
  store: Store,
  key: ObjectKey,
  both: readonly [Promise<void>, Promise<PutObjectCommandOutput>],
): ReturnType<Put> {
  const refusal = await both[1].then(() => null, statusOf);
  if (refusal === 412) return { outcome: "exists" };
  // Somebody else was putting at the same moment: S3 says to try again, but a body is read only once.
  if (refusal === 409 && (await head(store, key)) !== null) return { outcome: "exists" };
  const [, answer] = await Promise.all(both);
  return { outcome: "created", versionId: versionOf(answer.VersionId, key) };
}
