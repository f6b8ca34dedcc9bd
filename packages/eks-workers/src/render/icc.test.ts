import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { withIccProfile } from "./icc.ts";

async function plainJpeg(): Promise<Buffer> {
  return sharp({ create: { width: 16, height: 16, channels: 3, background: "#336699" } })
    .jpeg()
    .toBuffer();
}

async function profile(): Promise<Buffer> {
  const tagged = await sharp(await plainJpeg())
    .withIccProfile("p3")
    .jpeg()
    .toBuffer();
  return (await sharp(tagged).metadata()).icc!;
}

describe("a profile put into a JPEG", () => {
  test("is found there by a reader, byte for byte", async () => {
    const icc = await profile();
    const tagged = withIccProfile(await plainJpeg(), icc);
    expect((await sharp(tagged).metadata()).icc).toEqual(icc);
  });

  test("is cut into segments when it is longer than one, and put together again", async () => {
    const icc = await profile();
    const long = Buffer.concat([icc, Buffer.alloc(150_000, 7)]);
    long.writeUInt32BE(long.length, 0);
    const tagged = withIccProfile(await plainJpeg(), long);
    expect((await sharp(tagged).metadata()).icc?.length).toBe(long.length);
  });

  test("stands behind the JFIF segment, which wants to be first", async () => {
    const jpeg = await plainJpeg();
    const jfif = Buffer.from("ffe000104a46494600010100000100010000", "hex");
    const tagged = withIccProfile(
      Buffer.concat([jpeg.subarray(0, 2), jfif, jpeg.subarray(2)]),
      await profile(),
    );
    expect(Buffer.from(tagged.subarray(2, 20))).toEqual(jfif);
    expect((await sharp(tagged).metadata()).hasProfile).toBe(true);
  });

  test("is left out when there is none", async () => {
    const jpeg = await plainJpeg();
    expect(withIccProfile(jpeg, new Uint8Array())).toBe(jpeg);
  });
});
