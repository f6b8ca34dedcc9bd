import { writeFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharp } from "./codecs.ts";

const pixel = () => sharp({ create: { width: 8, height: 8, channels: 3, background: "#ff0000" } });

describe("the decoders that are open", () => {
  test.each(["jpeg", "png", "webp", "tiff"] as const)("decode %s from memory", async (format) => {
    const bytes = await pixel().toFormat(format).toBuffer();
    expect((await sharp(bytes).raw().toBuffer()).length).toBeGreaterThan(0);
  });

  test.each([
    ["SVG", async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')],
    ["GIF", () => pixel().gif().toBuffer()],
    ["AVIF", () => pixel().avif().toBuffer()],
    ["PPM", async () => Buffer.from("P3 1 1 255 1 2 3\n")],
    ["PDF", async () => Buffer.from("%PDF-1.4\n%%EOF")],
  ])("refuse %s", async (_, bytes) => {
    const input = await bytes();
    await expect(sharp(input).raw().toBuffer()).rejects.toThrow("unsupported image format");
  });

  test("refuse to open a file by its name, even one of an open format", async () => {
    const folder = await mkdtemp(join(tmpdir(), "strongroom-codecs-"));
    const path = join(folder, "pixel.png");
    await writeFile(path, await pixel().png().toBuffer());
    await expect(sharp(path).raw().toBuffer()).rejects.toThrow("unsupported image format");
    await rm(folder, { recursive: true });
  });
});
