import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  type Part,
} from "@aws-sdk/client-s3";
import { checkContent } from "../ports/object-grant.ts";
import { checkNotTombstone } from "../ports/object-key.ts";
import type { ObjectKey, Objects, StoredPart } from "../ports/objects.ts";
import { isRefusal, placeOf, statusOf, type Store, toBase64, toHex } from "./object-client.ts";
import { head } from "./object-facts.ts";

type Uploads = Pick<Objects, "startParts" | "listParts" | "completeParts" | "abortParts">;

/** Uploads in parts, each bound to its SHA-256, and their composite to the object. */
export function createObjectUploads(store: Store): Uploads {
  return {
    async startParts(key, { mediaType, metadata }) {
      checkContent(mediaType, metadata);
      checkNotTombstone(key);
      const checksum = { ChecksumAlgorithm: "SHA256", ChecksumType: "COMPOSITE" } as const;
      const content = { ContentType: mediaType, Metadata: metadata };
      const { UploadId } = await store.client.send(
        new CreateMultipartUploadCommand({ ...placeOf(store, key), ...content, ...checksum }),
      );
      if (UploadId === undefined) throw new Error(`S3 opened an upload of ${key} without a name`);
      return { uploadId: UploadId };
    },
    listParts: (key, uploadId) => listParts(store, key, uploadId),
    completeParts: (key, uploadId, parts) => completeParts(store, key, uploadId, parts),
    async abortParts(key, uploadId) {
      const command = new AbortMultipartUploadCommand({ ...placeOf(store, key), UploadId: uploadId });
      await store.client.send(command).catch(unlessUnknown);
    },
  };
}

/** Page by page until S3 says that it is the last: the SDK's own paginator goes on for as long as there is a marker. */
async function listParts(store: Store, key: ObjectKey, uploadId: string): Promise<StoredPart[]> {
  const parts: StoredPart[] = [];
  const upload = { ...placeOf(store, key), UploadId: uploadId };
  let after: string | undefined;
  try {
    for (;;) {
      const page = await store.client.send(new ListPartsCommand({ ...upload, PartNumberMarker: after }));
      parts.push(...(page.Parts ?? []).map(storedPart));
      if (!page.IsTruncated) return parts;
      after = page.NextPartNumberMarker;
    }
  } catch (error) {
    unlessUnknown(error);
    return [];
  }
}

function storedPart({ PartNumber, Size, ChecksumSHA256, ETag }: Part): StoredPart {
  if (PartNumber === undefined || Size === undefined || ChecksumSHA256 === undefined || ETag === undefined)
    throw new Error("S3 told nothing of a part");
  return { partNumber: PartNumber, sizeBytes: Size, sha256: toHex(ChecksumSHA256), etag: ETag };
}

async function completeParts(store: Store, ...[key, uploadId, parts]: Parameters<Objects["completeParts"]>) {
  const command = new CompleteMultipartUploadCommand({
    ...placeOf(store, key),
    UploadId: uploadId,
    IfNoneMatch: "*",
    MpuObjectSize: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    MultipartUpload: {
      Parts: parts.map(({ partNumber, etag, sha256 }) => ({
        PartNumber: partNumber,
        ETag: etag,
        ChecksumSHA256: toBase64(sha256),
      })),
    },
  });
  try {
    await store.client.send(command);
    return "completed";
  } catch (error) {
    // 412: the key is taken. 404: the upload is over. 409: another completion is at it. In each case the head decides.
    const isOver = [404, 409, 412].includes(statusOf(error) ?? 0);
    if (isOver && (await head(store, key)) !== null) return "exists";
    throw error;
  }
}

function unlessUnknown(error: unknown): void {
  if (!isRefusal(error, "NoSuchUpload")) throw error;
}
