import { createCipheriv, createHash } from "node:crypto";
import { quadrants } from "../honest.ts";
import { broken, type End, inFamily, rendered, renderedOrBroken, type ToxicFile } from "../toxic-file.ts";
import { fourSquares, onePage, pdfStream, writePdf } from "../write/pdf.ts";

const file = inFamily("locked PDFs");
const locked: readonly End[] = ["no_preview encrypted"];
const whole = { truth: { quadrants, torn: false } };
const documentId = Buffer.from("5374726f6e67726f6f6d2070726f6f66", "hex");
/** What passwords are filled up with (ISO 32000-1, 7.6.3.3). */
const padding = Buffer.from("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a", "hex");

/** PDFs with passwords, made by hand; the content of those that open without one must show. */
export function lockedPdfs(): ToxicFile[] {
  const withPassword = Buffer.from("secret");
  const none = Buffer.alloc(0);
  return [
    file("pdf locked with RC4 of 40 bits", oldStyle(withPassword, "rc4", 5), locked),
    file("pdf locked with RC4 of 128 bits", oldStyle(withPassword, "rc4", 16), locked),
    file("pdf locked with AES of 128 bits", oldStyle(withPassword, "aes", 16), locked),
    file("pdf locked with AES of 256 bits", newStyle(withPassword), locked),
    file("pdf locked for editing only with RC4 of 40 bits", oldStyle(none, "rc4", 5), rendered, whole),
    file("pdf locked for editing only with RC4 of 128 bits", oldStyle(none, "rc4", 16), rendered, whole),
    file("pdf locked for editing only with AES of 128 bits", oldStyle(none, "aes", 16), rendered, whole),
    file("pdf locked for editing only with AES of 256 bits", newStyle(none), rendered, whole),
    file("pdf locked by somebody unknown", locks("/Filter /Evil /V 4 /R 4"), [...locked, ...broken]),
    file("pdf locked with a version of 99", locks("/Filter /Standard /V 99 /R 99 /P -4 /O (x) /U (x)"), [
      ...locked,
      ...broken,
    ]),
    file("pdf locked with a lock that is not there", locks(null), renderedOrBroken),
    file("pdf locked with a lock that is a page", writePdf(onePage(), { trailer: "/Encrypt 3 0 R" }), [
      ...locked,
      ...renderedOrBroken,
    ]),
    file(
      "pdf locked with keys of a megabyte",
      locks(`/Filter /Standard /V 1 /R 2 /P -4 /O (${"o".repeat(1_000_000)}) /U (${"u".repeat(1_000_000)})`),
      [...locked, ...broken],
    ),
    file(
      "pdf locked with a key of -1 bits",
      locks("/Filter /Standard /V 2 /R 3 /Length -1 /P -4 /O (o) /U (u)"),
      [...locked, ...broken],
    ),
  ];
}

function locks(dictionary: string | null): Buffer {
  const more = dictionary === null ? [] : [`<< ${dictionary} >>`];
  return writePdf(onePage({ more }), {
    trailer: `/Encrypt 6 0 R /ID [<${documentId.toString("hex")}> <${documentId.toString("hex")}>]`,
  });
}

const md5 = (...pieces: Uint8Array[]): Buffer => createHash("md5").update(Buffer.concat(pieces)).digest();
const sha256 = (...pieces: Uint8Array[]): Buffer =>
  createHash("sha256").update(Buffer.concat(pieces)).digest();

/** RC4, which OpenSSL no longer has. */
function rc4(key: Uint8Array, bytes: Uint8Array): Buffer {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index);
  for (let i = 0, j = 0; i < 256; i += 1) {
    j = (j + state[i]! + key[i % key.length]!) & 255;
    [state[i], state[j]] = [state[j]!, state[i]!];
  }
  let [i, j] = [0, 0];
  return Buffer.from(
    bytes.map((byte) => {
      i = (i + 1) & 255;
      j = (j + state[i]!) & 255;
      [state[i], state[j]] = [state[j]!, state[i]!];
      return byte ^ state[(state[i]! + state[j]!) & 255]!;
    }),
  );
}

/** Twenty rounds of RC4 from revision 3 on, one before. */
function rounds(key: Buffer, bytes: Buffer, isOld: boolean): Buffer {
  let result = bytes;
  for (let round = 0; round < (isOld ? 1 : 20); round += 1)
    result = rc4(Buffer.from(key.map((byte) => byte ^ round)), result);
  return result;
}

const padded = (password: Buffer): Buffer => Buffer.concat([password, padding]).subarray(0, 32);

function hashed(start: Buffer, length: number, isOld: boolean): Buffer {
  let hash = start;
  for (let round = 0; round < (isOld ? 0 : 50); round += 1) hash = md5(hash.subarray(0, length));
  return hash.subarray(0, length);
}

/** ISO 32000-1, 7.6.3: revisions 2 to 4. */
function oldStyle(password: Buffer, cipher: "rc4" | "aes", keyBytes: 5 | 16): Buffer {
  const isOld = keyBytes === 5;
  const permissions = Buffer.from([0xfc, 0xff, 0xff, 0xff]);
  const ownerKey = hashed(md5(padded(Buffer.from("owner"))), keyBytes, isOld);
  const owner = rounds(ownerKey, padded(password), isOld);
  const key = hashed(md5(padded(password), owner, permissions, documentId), keyBytes, isOld);
  const user = isOld
    ? rc4(key, padding)
    : Buffer.concat([rounds(key, md5(padding, documentId), false), Buffer.alloc(16)]);
  const salt = cipher === "aes" ? Buffer.from("sAlT") : Buffer.alloc(0);
  const objectKey = md5(key, Buffer.from([4, 0, 0, 0, 0]), salt).subarray(0, Math.min(16, keyBytes + 5));
  const content =
    cipher === "aes"
      ? aes("aes-128-cbc", objectKey, Buffer.from(fourSquares))
      : rc4(objectKey, Buffer.from(fourSquares));
  const filters =
    "/CF << /StdCF << /CFM /AESV2 /AuthEvent /DocOpen /Length 16 >> >> /StmF /StdCF /StrF /StdCF";
  const kind =
    cipher === "aes" ? `/V 4 /R 4 /Length 128 ${filters}` : isOld ? "/V 1 /R 2" : "/V 2 /R 3 /Length 128";
  return lockedPdf(
    content,
    `<< /Filter /Standard ${kind} /P -4 /O <${owner.toString("hex")}> /U <${user.toString("hex")}> >>`,
  );
}

/** Adobe's extension level 3 (revision 5): AES of 256 bits with plain SHA-256. */
function newStyle(password: Buffer): Buffer {
  const key = sha256(Buffer.from("the key of the file"));
  const [check, salt] = [Buffer.from("validate"), Buffer.from("key salt")];
  const user = Buffer.concat([sha256(password, check), check, salt]);
  const wrap = (secret: Buffer) => aes("aes-256-cbc", secret, key, true);
  const userKey = wrap(sha256(password, salt));
  const owned = Buffer.from("owner");
  const owner = Buffer.concat([sha256(owned, check, user), check, salt]);
  const ownerKey = wrap(sha256(owned, salt, user));
  const permissions = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false);
  const granted = permissions.update(
    Buffer.from([0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x54, 0x61, 0x64, 0x62, 1, 2, 3, 4]),
  );
  const filters =
    "/CF << /StdCF << /CFM /AESV3 /AuthEvent /DocOpen /Length 32 >> >> /StmF /StdCF /StrF /StdCF";
  const keys = `/O <${owner.toString("hex")}> /U <${user.toString("hex")}> /OE <${ownerKey.toString("hex")}> /UE <${userKey.toString("hex")}> /Perms <${granted.toString("hex")}>`;
  return lockedPdf(
    aes("aes-256-cbc", key, Buffer.from(fourSquares)),
    `<< /Filter /Standard /V 5 /R 5 /Length 256 /P -4 ${filters} ${keys} >>`,
  );
}

/** With its vector in front; a wrapped key has a vector of zeros and no padding. */
function aes(cipher: string, key: Buffer, bytes: Buffer, isKey = false): Buffer {
  const vector = isKey ? Buffer.alloc(16) : Buffer.from("initial vector16");
  const encrypt = createCipheriv(cipher, key, vector).setAutoPadding(!isKey);
  const sealed = Buffer.concat([encrypt.update(bytes), encrypt.final()]);
  return isKey ? sealed : Buffer.concat([vector, sealed]);
}

function lockedPdf(content: Buffer, lock: string): Buffer {
  const objects = onePage({ more: [lock] });
  objects[3] = pdfStream(content);
  const id = documentId.toString("hex");
  return writePdf(objects, { trailer: `/Encrypt 6 0 R /ID [<${id}> <${id}>]` });
}
