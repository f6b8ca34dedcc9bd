import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";

/** Ends every file: data ‖ facts as JSON ‖ length of the facts (uint32, big endian) ‖ magic. A cut file does not end so. */
const magic = Buffer.from("SRO1");
const endBytes = 4 + magic.length;
/** Room for a key, 2 KiB of metadata with every character escaped, and the rest. */
const maxFactsBytes = 16 * 1024;
const readBytes = 256 * 1024;

/**
 * Writes a new file (mode 0400) of exactly `sizeBytes` bytes and the facts about them; durable when it resolves.
 * `describe` makes the facts from the SHA-256 of the data in hex; when it answers null the file stays unfinished.
 * Throws when the body fails, is shorter or longer.
 */
export async function writeObjectFile(
  path: string,
  body: AsyncIterable<Uint8Array | string>,
  sizeBytes: number,
  describe: (sha256: string) => object | null,
): Promise<"written" | "unfinished"> {
  const file = await open(path, "wx", 0o400);
  try {
    const facts = describe(await writeBody(file, body, sizeBytes));
    if (facts === null) return "unfinished";
    await file.writeFile(trailerOf(facts));
    await file.sync();
    return "written";
  } finally {
    await file.close();
  }
}

async function writeBody(
  file: FileHandle,
  body: AsyncIterable<Uint8Array | string>,
  sizeBytes: number,
): Promise<string> {
  const hash = createHash("sha256");
  let total = 0;
  for await (const chunk of body) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    total += bytes.length;
    if (total > sizeBytes) throw new Error(`the body is longer than ${sizeBytes} bytes`);
    hash.update(bytes);
    await file.writeFile(bytes); // goes on where the last one ended
  }
  if (total < sizeBytes) throw new Error(`the body ended after ${total} of ${sizeBytes} bytes`);
  return hash.digest("hex");
}

function trailerOf(facts: object): Buffer {
  const json = Buffer.from(JSON.stringify(facts));
  if (json.length > maxFactsBytes) throw new Error(`facts of ${json.length} bytes are too long`);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([json, length, magic]);
}

/** The facts at the end of a file and the bytes before them. Throws when the file is cut short or not ours. */
export async function readObjectFacts(file: FileHandle): Promise<{ facts: unknown; sizeBytes: number }> {
  const { size } = await file.stat();
  const tail = await readExactly(file, Math.max(0, size - maxFactsBytes - endBytes), size);
  const end = tail.length - endBytes;
  if (end < 0 || !tail.subarray(-magic.length).equals(magic)) throw new Error("the file is cut short");
  const start = end - tail.readUInt32BE(end);
  if (start < 0) throw new Error("the file is cut short");
  return { facts: JSON.parse(tail.subarray(start, end).toString()), sizeBytes: size - (tail.length - start) };
}

async function readExactly(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(to - from);
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, from + at);
    if (bytesRead === 0) throw new Error("the file is cut short");
    at += bytesRead;
  }
  return bytes;
}

/** The first `sizeBytes` bytes of a file, which it closes at the end; fails when the file holds fewer. */
export function readObjectData(file: FileHandle, sizeBytes: number): Readable {
  let at = 0;
  return new Readable({
    highWaterMark: readBytes,
    read() {
      if (at === sizeBytes) return void this.push(null);
      const bytes = Buffer.allocUnsafe(Math.min(readBytes, sizeBytes - at));
      file.read(bytes, 0, bytes.length, at).then(
        ({ bytesRead }) => {
          at += bytesRead;
          if (bytesRead === 0)
            this.destroy(new Error(`the file is cut short at ${at} of ${sizeBytes} bytes`));
          else this.push(bytes.subarray(0, bytesRead));
        },
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      file.close().then(() => done(error), done);
    },
  });
}
