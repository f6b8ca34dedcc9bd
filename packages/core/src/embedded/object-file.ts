import { createHash, type Hash } from "node:crypto";
import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { NotAsStored } from "../errors.ts";
import { releaseMemory } from "../ports/release-memory.ts";

/** Ends every file: data ‖ facts as JSON ‖ length of the facts (uint32, big endian) ‖ magic. A cut file does not end so. */
const magic = Buffer.from("SRO1");
const endBytes = 4 + magic.length;
/** Room for a key, 2 KiB of metadata with every character escaped, and the rest. */
const maxFactsBytes = 16 * 1024;
/** What goes to the disk, or comes from it, in one call: below this, calls cost more than bytes. */
const blockBytes = 1024 * 1024;

/** Where the SHA-256 of the data comes from: it is taken here, the sender knows it once the body has ended, or nobody asks. */
export type DigestSource = "taken" | (() => string) | "none";
type Given = { digest?: DigestSource; givesChunks?: boolean };

/**
 * Writes a new file (mode 0400) of exactly `sizeBytes` bytes and the facts about them; durable when it resolves.
 * `describe` makes the facts from the SHA-256 of the data in hex (empty when nobody asks); when it answers null the file
 * stays unfinished. Throws when the body fails, is shorter or longer.
 */
export async function writeObjectFile(
  path: string,
  body: AsyncIterable<Uint8Array | string>,
  sizeBytes: number,
  describe: (sha256: string) => object | null,
  { digest = "taken", givesChunks = false }: Given = {},
): Promise<"written" | "unfinished"> {
  const file = await open(path, "wx", 0o400);
  try {
    const blocks = new BlockWriter(file, givesChunks);
    const taken = await writeBody(blocks, body, sizeBytes, digest === "taken" ? createHash("sha256") : null);
    const facts = describe(typeof digest === "function" ? digest() : taken);
    if (facts === null) return "unfinished";
    await file.writeFile(trailerOf(facts));
    await file.sync();
    return "written";
  } finally {
    await file.close();
  }
}

async function writeBody(
  blocks: BlockWriter,
  body: AsyncIterable<Uint8Array | string>,
  sizeBytes: number,
  hash: Hash | null,
): Promise<string> {
  let total = 0;
  try {
    for await (const chunk of body) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      total += bytes.length;
      if (total > sizeBytes) throw new Error(`the body is longer than ${sizeBytes} bytes`);
      hash?.update(bytes);
      await blocks.write(bytes);
    }
    if (total < sizeBytes) throw new Error(`the body ended after ${total} of ${sizeBytes} bytes`);
    await blocks.end();
  } finally {
    await blocks.settled();
  }
  return hash?.digest("hex") ?? "";
}

/**
 * Gathers chunks into blocks and writes one while the next comes in. Chunks are not copied, so nobody may change them;
 * those that are given are emptied when written.
 */
class BlockWriter {
  readonly #file: FileHandle;
  readonly #givesChunks: boolean;
  #chunks: Uint8Array[] = [];
  #gathered = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, givesChunks: boolean) {
    this.#file = file;
    this.#givesChunks = givesChunks;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#chunks.push(chunk);
    this.#gathered += chunk.length;
    if (this.#gathered >= blockBytes) await this.#flush();
  }

  /** Resolves when all that was gathered is written; rejects when any of it could not be. */
  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  /** Resolves, in any case, when no write is under way any more: until then the file must stay open. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  /** Waits for the block before, which may have failed, and starts this one. */
  async #flush(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#gathered = 0;
    await this.#writing;
    this.#writing = writeAll(this.#file, chunks).then(() => {
      if (this.#givesChunks) chunks.forEach(releaseMemory);
    });
    this.#writing.catch(() => {}); // the next flush tells
  }
}

/** Goes on where the last write ended. A disk may take less than it was given, and says then how much. */
async function writeAll(file: FileHandle, chunks: Uint8Array[]): Promise<void> {
  let left = chunks.filter(({ length }) => length > 0);
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left);
    left = left.flatMap((chunk) => {
      const skipped = Math.min(bytesWritten, chunk.length);
      bytesWritten -= skipped;
      return skipped === chunk.length ? [] : [chunk.subarray(skipped)];
    });
  }
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
  const { size } = fstatSync(file.fd); // known since it was opened: no disk is asked
  const tail = await readExactly(file, Math.max(0, size - maxFactsBytes - endBytes), size);
  const end = tail.length - endBytes;
  if (end < 0 || !tail.subarray(-magic.length).equals(magic)) throw new Error("the file is cut short");
  const start = end - tail.readUInt32BE(end);
  if (start < 0) throw new Error("the file is cut short");
  return { facts: JSON.parse(tail.subarray(start, end).toString()), sizeBytes: size - (tail.length - start) };
}

async function readExactly(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(to - from);
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
    highWaterMark: 2 * blockBytes, // so that the next block is read while one is worked on
    read() {
      if (at === sizeBytes) return void this.push(null);
      const bytes = Buffer.allocUnsafe(Math.min(blockBytes, sizeBytes - at));
      file.read(bytes, 0, bytes.length, at).then(
        ({ bytesRead }) => {
          at += bytesRead;
          if (bytesRead === 0)
            this.destroy(new NotAsStored(`the file is cut short at ${at} of ${sizeBytes} bytes`));
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
