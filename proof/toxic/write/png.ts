import { crc32, deflateSync } from "node:zlib";

const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const headerEnd = 33;

/** One chunk with its length and CRC. */
export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** Colour types: 0 grey, 2 RGB, 6 RGBA. */
type Header = {
  width: number;
  height: number;
  depth?: number;
  colour?: 0 | 2 | 3 | 4 | 6;
  interlaced?: boolean;
};

/** A PNG that declares `header` and holds `data` as its pixels, whatever that is; `chunks` stand between the two. */
export function writePng(header: Header, data: Uint8Array, chunks: readonly Buffer[] = []): Buffer {
  const { width, height, depth = 8, colour = 0, interlaced = false } = header;
  const fields = Buffer.alloc(13);
  fields.writeUInt32BE(width, 0);
  fields.writeUInt32BE(height, 4);
  fields.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  return Buffer.concat([
    signature,
    pngChunk("IHDR", fields),
    ...chunks,
    pngChunk("IDAT", data),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The same picture with chunks behind its header. */
export function withPngChunks(png: Buffer, chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([png.subarray(0, headerEnd), ...chunks, png.subarray(headerEnd)]);
}

/** A keyword and compressed bytes, as zTXt and iCCP hold them. */
export function compressedText(keyword: string, bytes: Uint8Array, isDeflated = false): Buffer {
  return Buffer.concat([Buffer.from(`${keyword}\0\0`, "latin1"), isDeflated ? bytes : deflateSync(bytes)]);
}
