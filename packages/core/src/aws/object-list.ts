import {
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ObjectVersion,
} from "@aws-sdk/client-s3";
import type { KeyRange, ListedObject, ObjectKey } from "../ports/objects.ts";
import { bucketsUnder, type Store } from "./object-client.ts";
import { versionOf } from "./object-facts.ts";

/** The newest version of every key under a prefix, a thousand at a time; some servers repeat one where a page ends. */
export async function* listObjects(
  store: Store,
  prefix: string,
  { after = "", upTo }: KeyRange = {},
): AsyncGenerator<ListedObject> {
  for (const Bucket of bucketsUnder(store, prefix)) {
    let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } =
      after === "" ? {} : { KeyMarker: after };
    let last: string | undefined;
    for (;;) {
      const page = await store.client.send(
        new ListObjectVersionsCommand({ Bucket, Prefix: prefix, ...from }),
      );
      for (const version of page.Versions ?? []) {
        if (upTo !== undefined && version.Key! > upTo) return;
        const isWanted = version.Key! > after && version.Key !== last; // some servers begin with the marker itself
        if (version.IsLatest && isWanted) yield listedObject(version);
        last = version.Key;
      }
      if (!page.IsTruncated) break;
      from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
  }
}

function listedObject({ Key, Size, VersionId, LastModified }: ObjectVersion): ListedObject {
  if (Key === undefined || Size === undefined || !LastModified)
    throw new Error("S3 listed an object without facts");
  return { key: Key, sizeBytes: Size, versionId: versionOf(VersionId, Key), modifiedAt: LastModified };
}

/** Uploads in parts that are open, a thousand at a time. */
export async function* listUploads(
  store: Store,
  prefix: string,
): AsyncGenerator<{ key: ObjectKey; uploadId: string; startedAt: Date }> {
  for (const Bucket of bucketsUnder(store, prefix)) {
    let from: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await store.client.send(
        new ListMultipartUploadsCommand({ Bucket, Prefix: prefix, ...from }),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined || !Initiated)
          throw new Error("S3 listed an upload without facts");
        yield { key: Key, uploadId: UploadId, startedAt: Initiated };
      }
      if (!page.IsTruncated) break;
      from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }
}
