import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { xml } from "./xml.ts";

type Answer = { status: number; headers: Record<string, string>; text: string };

/** Buckets that take anything by path: whole objects, and parts, which are only counted. */
export function createBuckets() {
  const objects = new Map<string, Buffer>();

  function put(path: string, body: Buffer, encoding: string | undefined): Answer {
    const bytes = encoding?.includes("aws-chunked") ? unchunked(body) : body;
    objects.set(path, bytes);
    return { status: 200, headers: { etag: `"${createHash("md5").update(bytes).digest("hex")}"` }, text: "" };
  }

  function get(path: string): Answer {
    const found = objects.get(path);
    if (!found)
      return {
        status: 404,
        headers: {},
        text: xml("Error", { Code: "NoSuchKey", Message: "The specified key does not exist." }),
      };
    return { status: 200, headers: { "content-length": String(found.length) }, text: found.toString() };
  }

  function list(path: string, prefix: string): Answer {
    const keys = [...objects.keys()].filter((key) => key.startsWith(`${path.replace(/\/$/, "")}/${prefix}`));
    const contents = keys
      .map((key) => xml("Contents", { Key: key.slice(path.length + 1), Size: objects.get(key)!.length }))
      .join("");
    return {
      status: 200,
      headers: {},
      text: `<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>${keys.length}</KeyCount>${contents}</ListBucketResult>`,
    };
  }

  const fixed = (text: string): Answer => ({ status: 200, headers: {}, text });

  return {
    /** The text of an object; throws when nobody put it. */
    read(path: string): string {
      const found = objects.get(path);
      if (!found) throw new Error(`nobody uploaded ${path}`);
      return found.toString();
    },
    answer(request: IncomingMessage, body: Buffer): Answer {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://loopback");
      const path = decodeURIComponent(pathname);
      if (searchParams.has("location")) return fixed("<LocationConstraint/>");
      if (searchParams.has("encryption")) return fixed("<ServerSideEncryptionConfiguration/>");
      if (searchParams.has("uploads"))
        return fixed(xml("InitiateMultipartUploadResult", { UploadId: "rehearsal" }));
      if (searchParams.has("partNumber")) return { status: 200, headers: { etag: '"part"' }, text: "" };
      if (searchParams.has("uploadId")) return completed(path);
      if (request.method === "PUT") return put(path, body, request.headers["content-encoding"]);
      if (request.method === "DELETE") return removed(path);
      return searchParams.has("list-type") ? list(path, searchParams.get("prefix") ?? "") : get(path);
    },
  };

  function removed(path: string): Answer {
    objects.delete(path);
    return { status: 204, headers: {}, text: "" };
  }

  function completed(path: string): Answer {
    objects.set(path, Buffer.alloc(0));
    return fixed(xml("CompleteMultipartUploadResult", { ETag: '"whole"' }));
  }
}

/** The bytes of a body in `aws-chunked` encoding. */
function unchunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const end = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.subarray(at, end).toString(), 16);
    if (!(size > 0)) break;
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
