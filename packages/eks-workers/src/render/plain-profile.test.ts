import fc from "fast-check";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { withIccProfile } from "./icc.ts";
import { plainProfile } from "./plain-profile.ts";

const ramp = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, index) => (index * 7919) % 256));
const picture = () => sharp(ramp, { raw: { width: 64, height: 64, channels: 3 } });

let jpeg: Buffer;
let wide: Buffer;
beforeAll(async () => {
  jpeg = await picture().jpeg({ quality: 100 }).toBuffer();
  wide = await profileOf("p3");
});

async function profileOf(name: string): Promise<Buffer> {
  const tagged = await picture().withIccProfile(name).jpeg().toBuffer();
  return (await sharp(tagged).metadata()).icc!;
}

/** How a viewer that knows colours shows the picture under a profile. */
const shown = (icc: Uint8Array) => sharp(withIccProfile(jpeg, icc)).toColourspace("srgb").raw().toBuffer();

/** The same profile with one more tag; `from` moves all that the table points at. */
function withFreight(icc: Buffer, freight: Buffer): Buffer {
  const count = icc.readUInt32BE(128);
  const tableEnd = 132 + count * 12;
  const head = Buffer.from(icc.subarray(0, tableEnd));
  for (let at = 132; at < tableEnd; at += 12) head.writeUInt32BE(head.readUInt32BE(at + 4) + 12, at + 4);
  head.writeUInt32BE(count + 1, 128);
  const entry = Buffer.alloc(12);
  entry.write("evil", "latin1");
  entry.writeUInt32BE(icc.length + 12, 4);
  entry.writeUInt32BE(freight.length, 8);
  const grown = Buffer.concat([head, entry, icc.subarray(tableEnd), freight]);
  grown.writeUInt32BE(grown.length, 0);
  return grown;
}

describe("a profile written anew", () => {
  test("shows every colour as the one that it is made of", async () => {
    const [before, after, without] = [
      await shown(wide),
      await shown(plainProfile(wide)!),
      await sharp(jpeg).raw().toBuffer(),
    ];
    expect(Buffer.compare(before, without)).not.toBe(0);
    const furthest = before.reduce((most, value, at) => Math.max(most, Math.abs(value - after[at]!)), 0);
    expect(furthest).toBeLessThanOrEqual(1);
  });

  test("leaves behind what lay in a tag that says nothing of colours, and who made it", () => {
    const freight = withFreight(wide, Buffer.from("<script>secret place</script>".repeat(1_000)));
    freight.write("MAKR", 48, "latin1");
    const plain = Buffer.from(plainProfile(freight)!);
    expect(plain.toString("latin1")).not.toMatch(/secret place|evil|MAKR/);
    expect(plain.equals(plainProfile(wide)!)).toBe(true);
  });

  test("is what it stays when it is written anew once more", () => {
    const plain = plainProfile(wide)!;
    expect(plainProfile(plain)).toEqual(plain);
  });

  test("is none for tables of CMYK, for noise, and for what has lost its curves", async () => {
    const blind = Buffer.from(wide);
    blind.write("none", blind.indexOf("rTRC"), "latin1");
    for (const icc of [await profileOf("cmyk"), Buffer.alloc(500, 7), Buffer.alloc(0), blind])
      expect(plainProfile(icc)).toBeNull();
  });

  test("is one or none, and never longer than 64 KiB, whatever stands in the bytes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(wide.length - 1), fc.nat(255)), { maxLength: 20 }),
        fc.nat(wide.length),
        (changes, length) => {
          const changed = Buffer.from(wide);
          for (const [at, value] of changes) changed[at] = value;
          for (const icc of [changed, changed.subarray(0, length)])
            expect(plainProfile(icc)?.length ?? 0).toBeLessThan(65_536);
        },
      ),
    );
  });
});
