import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { expect, it } from "vitest";
import { framedBytes, framing, trailerHeaders } from "./object-trailer.ts";

const chunk = 64 * 1024;
const frame = (pieces: Uint8Array[], sizeBytes: number) =>
  buffer(Readable.from(pieces, { objectMode: false }).compose(framing(sizeBytes)));

/** Reads the frames as the specification of `aws-chunked` describes them. */
function unframe(framed: Buffer): { body: Buffer; chunks: number[]; trailer: string } {
  const [pieces, chunks] = [[] as Buffer[], [] as number[]];
  for (let at = 0; ;) {
    const end = framed.indexOf("\r\n", at);
    const length = Number.parseInt(framed.toString("latin1", at, end), 16);
    at = end + 2;
    if (length === 0) return { body: Buffer.concat(pieces), chunks, trailer: framed.toString("latin1", at) };
    pieces.push(framed.subarray(at, at + length));
    chunks.push(length);
    expect(framed.toString("latin1", at + length, at + length + 2)).toBe("\r\n");
    at += length + 2;
  }
}

it.each([0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 1_000_000])(
  "a body of %i bytes comes in frames of the announced length with its hash behind it",
  async (sizeBytes) => {
    const bytes = randomBytes(sizeBytes);
    const framed = await frame([bytes], sizeBytes);
    const { body, chunks, trailer } = unframe(framed);
    expect(body.equals(bytes)).toBe(true);
    expect(chunks.slice(0, -1).every((length) => length === chunk)).toBe(true);
    expect(trailer).toBe(
      `x-amz-checksum-sha256:${createHash("sha256").update(bytes).digest("base64")}\r\n\r\n`,
    );
    expect(framed).toHaveLength(framedBytes(sizeBytes));
    expect(trailerHeaders(sizeBytes)).toMatchObject({
      "content-length": String(framed.length),
      "x-amz-decoded-content-length": String(sizeBytes),
    });
  },
);

it("the frames are the same however the body is cut", async () => {
  const cuts = fc.array(fc.uint8Array({ maxLength: 200_000 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(cuts, async (pieces) => {
      const whole = Buffer.concat(pieces);
      const [cut, uncut] = await Promise.all([frame(pieces, whole.length), frame([whole], whole.length)]);
      expect(cut.equals(uncut)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

it("the sender's own digest stands behind the body as it is: S3 has to find out when it is another's", async () => {
  const [body, other] = [Buffer.from("body"), createHash("sha256").update("other")];
  const framed = Readable.from([body], { objectMode: false }).compose(
    framing(body.length, () => other.copy().digest("hex")),
  );
  expect(unframe(await buffer(framed)).trailer).toBe(
    `x-amz-checksum-sha256:${other.digest("base64")}\r\n\r\n`,
  );
});

it.each([
  [9, "went on"],
  [11, "ended after 10 of 11 bytes"],
])("a body of 10 bytes where %i were promised fails before its end", async (promised, why) => {
  await expect(frame([Buffer.alloc(10)], promised)).rejects.toThrow(why);
});
