/*
 * An independent reader of sealed documents: nothing but node:crypto and the description of the format,
 * https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html (message format 2, suite 0x0478).
 *
 *   node proof/check/open-sealed.ts MESSAGE DATA_KEY > plaintext      DATA_KEY: a file of 64 hex digits
 *
 * header   version 1 (=2) · suite 2 · message id 32 · context length 2, context · number of data keys 2 (=1) ·
 *          provider, provider info, encrypted data key (each behind its length 2) · content type 1 (=2) · frame length 4 ·
 *          commitment 32 · tag 16
 * frame    sequence 4 · IV 12 · content · tag 16
 * last     FFFFFFFF · sequence 4 · IV 12 · content length 4 · content · tag 16
 */
import { createDecipheriv, hkdfSync, timingSafeEqual } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";

const suite = 0x0478;
const lastFrame = 0xffffffff;

/** A message, opened: its plaintext, and the context that was authenticated with it. */
export type Opened = {
  plaintext: Buffer;
  context: Record<string, string>;
  keyNamespace: string;
  keyName: string;
};

/** Opens a whole message with the document's data key (32 bytes). Throws at the first byte that is not as it must be. */
export function openSealed(message: Uint8Array, dataKey: Uint8Array): Opened {
  const reader = new Reader(Buffer.from(message));
  const header = readHeader(reader);
  const messageKey = openGcm(dataKey, header.wrapped.iv, header.contextBytes, header.wrapped.bytes);
  const { frameKey, commitment } = deriveKeys(messageKey, header.messageId);
  if (!timingSafeEqual(commitment, header.commitment)) throw new Error("the key commitment differs");
  openGcm(frameKey, Buffer.alloc(12), header.bytes, header.tag);
  const plaintext = Buffer.concat(readFrames(reader, header, frameKey));
  if (!reader.atEnd()) throw new Error("bytes follow the last frame");
  return {
    plaintext,
    context: header.context,
    keyNamespace: header.keyNamespace,
    keyName: header.wrapped.keyName,
  };
}

/** Bytes of a message's header, its tag included: the first frame begins behind them. */
export function headerLengthOf(message: Uint8Array): number {
  const reader = new Reader(Buffer.from(message));
  readHeader(reader);
  return reader.at;
}

class Reader {
  private readonly bytes: Buffer;
  at = 0;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new Error("the message is cut short");
    return this.bytes.subarray(this.at, (this.at += length));
  }
  number(length: number): number {
    return this.take(length).readUIntBE(0, length);
  }
  expect(length: number, value: number, what: string): void {
    const found = this.number(length);
    if (found !== value) throw new Error(`${what} is ${found}, not ${value}`);
  }
  counted(): Buffer {
    return this.take(this.number(2));
  }
  from(start: number): Buffer {
    return this.bytes.subarray(start, this.at);
  }
  atEnd(): boolean {
    return this.at === this.bytes.length;
  }
}

type Header = ReturnType<typeof readHeader>;

function readHeader(reader: Reader) {
  reader.expect(1, 2, "the format version");
  reader.expect(2, suite, "the suite");
  const messageId = reader.take(32);
  const contextBytes = reader.counted();
  reader.expect(2, 1, "the number of data keys");
  const keyNamespace = reader.counted().toString();
  const wrapped = readWrapped(reader.counted(), reader.counted());
  reader.expect(1, 2, "the content type");
  const frameLength = reader.number(4);
  const commitment = reader.take(32);
  const bytes = reader.from(0);
  const tag = reader.take(16);
  const context = readContext(new Reader(contextBytes));
  return { messageId, contextBytes, context, keyNamespace, wrapped, frameLength, commitment, bytes, tag };
}

/** A raw AES keyring's info ends in the tag's length in bits, the IV's length in bytes, and the IV. */
function readWrapped(info: Buffer, bytes: Buffer) {
  const tail = new Reader(info.subarray(-20));
  tail.expect(4, 128, "the tag length in bits");
  tail.expect(4, 12, "the IV length");
  return { keyName: info.subarray(0, -20).toString(), iv: tail.take(12), bytes };
}

function readContext(reader: Reader): Record<string, string> {
  const context: Record<string, string> = {};
  for (let left = reader.number(2); left > 0; left -= 1)
    context[reader.counted().toString()] = reader.counted().toString();
  if (!reader.atEnd()) throw new Error("bytes follow the context");
  return context;
}

function deriveKeys(messageKey: Buffer, messageId: Buffer) {
  const derive = (info: Buffer) => deriveKey(messageKey, messageId, info);
  const suiteBytes = Buffer.of(suite >> 8, suite & 0xff);
  return {
    frameKey: derive(Buffer.concat([suiteBytes, Buffer.from("DERIVEKEY")])),
    commitment: derive(Buffer.from("COMMITKEY")),
  };
}

/** HKDF with SHA-512, 32 bytes of it. */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, info: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha512", secret, salt, info, 32));
}

function readFrames(reader: Reader, header: Header, frameKey: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let sequence = 1; ; sequence += 1) {
    const first = reader.number(4);
    const isLast = first === lastFrame;
    const numbered = isLast ? reader.number(4) : first;
    if (numbered !== sequence) throw new Error(`frame ${sequence} is numbered ${numbered}`);
    const iv = reader.take(12);
    if (!iv.equals(bigEndian(sequence, 12))) throw new Error(`frame ${sequence} has another IV`);
    const length = isLast ? reader.number(4) : header.frameLength;
    if (length > header.frameLength) throw new Error("the last frame is longer than a frame");
    const label = Buffer.from(isLast ? "AWSKMSEncryptionClient Final Frame" : "AWSKMSEncryptionClient Frame");
    const bound = Buffer.concat([header.messageId, label, bigEndian(sequence, 4), bigEndian(length, 8)]);
    frames.push(openGcm(frameKey, iv, bound, reader.take(length + 16)));
    if (isLast) return frames;
  }
}

function bigEndian(value: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(value, length - 4);
  return bytes;
}

/** AES-256-GCM; the last 16 of the bytes are the tag. Throws when they do not authenticate. */
export function openGcm(key: Uint8Array, iv: Buffer, bound: Buffer, bytes: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: 16 });
  decipher.setAAD(bound).setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]);
}

// Not import.meta.main: an older Node would do nothing, and call it success.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const [messageFile, keyFile] = process.argv.slice(2);
  if (!messageFile || !keyFile) throw new Error("usage: node open-sealed.ts MESSAGE DATA_KEY > plaintext");
  const opened = openSealed(
    readFileSync(messageFile),
    Buffer.from(readFileSync(keyFile, "utf8").trim(), "hex"),
  );
  process.stderr.write(`${JSON.stringify(opened.context)}\n`);
  process.stdout.write(opened.plaintext);
}
