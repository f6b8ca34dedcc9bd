import type { IncomingMessage } from "node:http";
import type { ObjectKey } from "../ports/objects.ts";
import { isObjectKey } from "../ports/object-key.ts";
import { metadataPrefix, type ObjectSigner, partHeaders, putHeaders, sorted } from "./object-signing.ts";

/** Why a request is not served, with the status that S3 uses. */
export type Problem = { status: number; code: string; detail: string };

/** What a valid signature allows; `sha256` in hex. */
export type Admitted = {
  key: ObjectKey;
  part: { uploadId: string; partNumber: number } | null;
  sizeBytes: number;
  sha256: string;
  mediaType: string;
  metadata: Record<string, string>;
};

/** Exactly the spelling that the signer writes: no other order, case, encoding or addition is understood. */
const query =
  /^(?:uploadId=([0-9a-f]{32})&partNumber=([1-9]\d{0,4})&)?expires=(\d{1,16})&signed=([a-z0-9;-]{1,2000})&signature=([0-9a-f]{64})$/;

/** Judges a PUT by its head alone. What is not understood is refused, so that nothing passes here that S3 would refuse. */
export function admitUpload(request: IncomingMessage, signer: ObjectSigner, now: Date): Admitted | Problem {
  const refused = refusedHeader(request);
  if (refused) return refused;
  const target = targetOf(request.url ?? "", signer.basePath);
  if (target === null) return denied("not_signed", "This address carries no signature as we write it.");
  const headers = boundHeaders(request, target.part !== null);
  if (headers.map(([name]) => name).join(";") !== target.signed) {
    return denied(
      "headers_differ",
      "A signed header is missing or repeated, or one came that is not signed.",
    );
  }
  if (!signer.isSignatureOf(target.signature, { ...target, headers })) {
    return denied("signature_differs", "The request differs from the one that was signed.");
  }
  if (now.getTime() >= Number(target.expires))
    return denied("expired", "The grant has expired; ask for a new one.");
  return admitted(target, headers);
}

function denied(code: string, detail: string): Problem {
  return { status: 403, code, detail };
}

function refusedHeader({ headersDistinct: headers }: IncomingMessage): Problem | null {
  if (headers["transfer-encoding"])
    return denied("chunked", "The body must come in one piece of the signed length.");
  if (!headers["content-length"])
    return { status: 411, code: "length_required", detail: "The length must be given." };
  if (headers["authorization"]) {
    return {
      status: 400,
      code: "two_credentials",
      detail: "The address is the credential: send no authorization.",
    };
  }
  return null;
}

function targetOf(url: string, basePath: string) {
  const start = `${basePath}/`;
  const mark = url.indexOf("?");
  const key = url.slice(start.length, mark);
  const found = query.exec(url.slice(mark + 1));
  if (mark < 0 || !url.startsWith(start) || !isObjectKey(key) || !found) return null;
  const [, uploadId, partNumber, expires, signed, signature] = found;
  const part = uploadId && partNumber ? { uploadId, partNumber } : null;
  return { key, part, expires: expires!, signed: signed!, signature: signature! };
}

/** Headers that must be signed as they came. One that is ours to know but unknown is among them: nobody signed it. */
function boundHeaders({ headersDistinct }: IncomingMessage, isPart: boolean): [string, string][] {
  const bound = isPart ? partHeaders : putHeaders;
  // Browsers name the type of a Blob in every request; S3 does not bind it to a part.
  const free = isPart ? ["content-type"] : [];
  const isOurs = (name: string) => /^(x-amz-|content-|if-)/.test(name);
  const names = Object.keys(headersDistinct).filter(
    (name) => bound.includes(name) || (isOurs(name) && !free.includes(name)),
  );
  return sorted(names.flatMap((name) => headersDistinct[name]!.map((value) => [name, value] as const)));
}

function admitted(target: NonNullable<ReturnType<typeof targetOf>>, headers: [string, string][]): Admitted {
  const value = Object.fromEntries(headers);
  const metadata = headers.filter(([name]) => name.startsWith(metadataPrefix));
  return {
    key: target.key,
    part: target.part && { uploadId: target.part.uploadId, partNumber: Number(target.part.partNumber) },
    sizeBytes: Number(value["content-length"]),
    sha256: Buffer.from(value["x-amz-checksum-sha256"]!, "base64").toString("hex"),
    mediaType: value["content-type"] ?? "",
    metadata: Object.fromEntries(metadata.map(([name, text]) => [name.slice(metadataPrefix.length), text])),
  };
}
