import type { Client } from "@strongroom/cli/client";
import { ApiProblem } from "@strongroom/cli/problems";
import type { UploadReply } from "@strongroom/core/api-shapes";
import { sha256Hex } from "@strongroom/core/digest";
import { systemIds } from "@strongroom/core/ids";
import { followDocument } from "@strongroom/cli/follow-document";
import { digestParts } from "../send-through-system.ts";
import type { World } from "../world.ts";

/** Somebody whose words and bytes do not agree; `tell` gives the end that it came to. */
export type Lie = { kind: string; ends: readonly string[]; tell: (world: World) => Promise<string> };

type Declaration = { name: string; mediaType: string; sizeBytes: number; sha256: string; parts?: string[] };

/** Lies about type, length, hash and order, told to the API and to the object store. */
export function lies(jpeg: Buffer): Lie[] {
  return [...declarations(jpeg), ...uploads(jpeg)];
}

const declare = (bytes: Buffer): Declaration => ({
  name: "a.jpg",
  mediaType: "image/jpeg",
  sizeBytes: bytes.length,
  sha256: sha256Hex(bytes),
});

/** Announces a document; the code of the refusal, or what may be sent. */
async function announce(client: Client, body: object): Promise<UploadReply | string> {
  const request = { id: systemIds.uuid(), kind: "other", ...body };
  try {
    return await client.call("acceptUpload", { body: request as never });
  } catch (error) {
    if (error instanceof ApiProblem) return `refused ${error.code}`;
    throw error;
  }
}

function declarations(jpeg: Buffer): Lie[] {
  const honest = declare(jpeg);
  const one = (kind: string, change: object, end: string): Lie => ({
    kind: `a declaration ${kind}`,
    ends: [`refused ${end}`],
    tell: async (world) => {
      const reply = await announce(world.nextClient(), { files: [{ ...honest, ...change }] });
      return typeof reply === "string" ? reply : "accepted";
    },
  });
  const whole = (kind: string, body: object, end: string): Lie => ({
    kind: `a request ${kind}`,
    ends: [`refused ${end}`],
    tell: async (world) => {
      const reply = await announce(world.nextClient(), { files: [honest], ...body });
      return typeof reply === "string" ? reply : "accepted";
    },
  });
  const invalid = "invalid_request";
  return [
    one("of no bytes", { sizeBytes: 0 }, "empty_file"),
    one("of -1 bytes", { sizeBytes: -1 }, "empty_file"),
    one("of half a byte", { sizeBytes: 0.5 }, invalid),
    one("of 10^308 bytes", { sizeBytes: 1e308 }, invalid),
    one("of 50 MiB and a byte", { sizeBytes: 50 * 1024 * 1024 + 1 }, "file_too_large"),
    one("of a length in words", { sizeBytes: "12" }, invalid),
    one("with a hash in capitals", { sha256: honest.sha256.toUpperCase() }, invalid),
    one("with half a hash", { sha256: honest.sha256.slice(32) }, invalid),
    one("with a type that climbs", { mediaType: "../../etc" }, invalid),
    one("with a type of two lines", { mediaType: "image/jpeg\r\nx: y" }, invalid),
    one("with parts that it does not have", { parts: [honest.sha256] }, "invalid_parts"),
    one("of 17 MiB in one piece", { sizeBytes: 17 * 1024 * 1024 }, "invalid_parts"),
    one("with a field of its own", { path: "/etc/passwd" }, invalid),
    whole("with 51 files", { files: Array.from({ length: 51 }, () => honest) }, "too_many_files"),
    whole(
      "with 201 MiB",
      {
        files: Array.from({ length: 5 }, () => ({
          ...honest,
          sizeBytes: 45 * 1024 * 1024,
          parts: Array.from({ length: 6 }, () => honest.sha256),
        })),
      },
      "document_too_large",
    ),
    whole("with no file", { files: [] }, invalid),
    whole(
      "with a prototype",
      JSON.parse(`{"__proto__": {"role": "admin"}, "constructor": {}}`) as object,
      invalid,
    ),
    whole("under an id that climbs", { id: "../../../etc" }, invalid),
    whole("for a kind that is not there", { kind: "no-such-kind" }, "unknown_kind"),
  ];
}

const same = (url: string): string => url;

type Put = { bytes: Buffer; headers?: Record<string, string>; url?: (url: string) => string };

/** Sends bytes to the first address of a grant, otherwise than it was signed; the status of the answer. */
async function put(
  { uploads: [upload] }: UploadReply,
  { bytes, headers = {}, url = same }: Put,
): Promise<string> {
  const [request] = upload!.requests;
  // The length is that of what is sent: it is for the store, not for our own client, to find that it is another one.
  const { "content-length": _signed, ...signed } = request!.headers;
  const address = url(request!.url);
  if (address === request!.url && url !== same) throw new Error("the lie changes nothing");
  const response = await fetch(address, { method: "PUT", headers: { ...signed, ...headers }, body: bytes });
  await response.body?.cancel();
  return response.ok ? "taken" : `refused ${response.status}`;
}

function uploads(jpeg: Buffer): Lie[] {
  const other = Buffer.from(jpeg);
  other[other.length - 10]! ^= 1;
  const one = (kind: string, ends: readonly string[], act: (reply: UploadReply) => Promise<string>): Lie => ({
    kind,
    ends,
    tell: async (world) => {
      const reply = await announce(world.nextClient(), { files: [declare(jpeg)] });
      return typeof reply === "string" ? reply : await act(reply);
    },
  });
  return [
    one("bytes of another hash", ["refused 400"], (reply) => put(reply, { bytes: other })),
    one("one byte less than declared", ["refused 400", "refused 403"], (reply) =>
      put(reply, { bytes: jpeg.subarray(1) }),
    ),
    one("one byte more than declared", ["refused 400", "refused 403"], (reply) =>
      put(reply, { bytes: Buffer.concat([jpeg, Buffer.alloc(1)]) }),
    ),
    one("no bytes at all", ["refused 400", "refused 403", "refused 411"], (reply) =>
      put(reply, { bytes: Buffer.alloc(0) }),
    ),
    one("bytes of another type", ["refused 403"], (reply) =>
      put(reply, { bytes: jpeg, headers: { "content-type": "text/html" } }),
    ),
    one("bytes with another checksum", ["refused 400", "refused 403"], (reply) =>
      put(reply, {
        bytes: other,
        headers: { "x-amz-checksum-sha256": Buffer.from(sha256Hex(other), "hex").toString("base64") },
      }),
    ),
    one("bytes to another key", ["refused 403"], (reply) =>
      put(reply, {
        bytes: jpeg,
        url: (url) => url.replace(/\/s\/[0-9a-f-]{36}/, "/s/00000000-0000-7000-8000-000000000000"),
      }),
    ),
    one("bytes to the vault", ["refused 403", "refused 404"], (reply) =>
      put(reply, { bytes: jpeg, url: (url) => url.replace("/objects/s/", "/objects/v/") }),
    ),
    one("bytes to a key that climbs", ["refused 400", "refused 403", "refused 404"], (reply) =>
      put(reply, { bytes: jpeg, url: (url) => url.replace("/s/", "/s/%2e%2e/%2e%2e/") }),
    ),
    one("the same bytes twice", ["refused 412"], async (reply) =>
      (await put(reply, { bytes: jpeg })) === "taken" ? put(reply, { bytes: jpeg }) : "not taken",
    ),
    {
      kind: "completion of what was never sent",
      ends: ["refused upload_incomplete"],
      tell: (world) => completeNothing(world, jpeg),
    },
    {
      kind: "parts that are true under a hash that is not",
      ends: ["rejected checksum_mismatch"],
      tell: lieOfWhole,
    },
  ];
}

async function completeNothing(world: World, jpeg: Buffer): Promise<string> {
  const client = world.nextClient();
  const reply = await announce(client, { files: [declare(jpeg)] });
  if (typeof reply === "string") return reply;
  try {
    const { document } = await client.call("completeUpload", { params: { id: reply.document.id } });
    return document.state;
  } catch (error) {
    if (error instanceof ApiProblem) return `refused ${error.code}`;
    throw error;
  }
}

/** The store can check each part of a large file only; the whole is for the processor. */
async function lieOfWhole(world: World): Promise<string> {
  const bytes = Buffer.alloc(17 * 1024 * 1024, 0xff);
  bytes.set([0xff, 0xd8, 0xff, 0xe0]);
  const file = { ...declare(bytes), sha256: sha256Hex("something else"), parts: digestParts(bytes) };
  const client = world.nextClient();
  const id = systemIds.uuid();
  const {
    uploads: [upload],
  } = await client.call("acceptUpload", { body: { id, kind: "other", files: [file] } });
  for (const { url, headers, offset, sizeBytes } of upload!.requests) {
    const response = await fetch(url, {
      method: "PUT",
      headers,
      body: bytes.subarray(offset, offset + sizeBytes),
    });
    await response.body?.cancel();
    if (!response.ok) return `refused ${response.status}`;
  }
  await client.call("completeUpload", { params: { id } });
  const { state, reason } = await followDocument(client, id);
  return `${state} ${reason}`;
}
