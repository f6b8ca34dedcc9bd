import { PDFDocument, PDFName, PDFNumber, rgb } from "pdf-lib";
import { combineJpegs } from "@strongroom/core/document/combine-jpegs";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { maxPages, maxTextBytes } from "./limits.ts";
import { renderPdf } from "./pdf.ts";

const allowance = { previewPages: 20, softDeadlineMs: 10_000 };

async function pdf(draw: (document: PDFDocument) => unknown): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  await draw(document);
  return document.save();
}

async function rendered(bytes: Uint8Array, allowed = allowance) {
  const decoded = await renderPdf(bytes, allowed);
  if (decoded.outcome !== "rendered") throw new Error(`not rendered: ${JSON.stringify(decoded)}`);
  return decoded;
}

/** The mean colour, rounded to what survives JPEG. */
async function colourOf({ bytes }: { bytes: Uint8Array }): Promise<string> {
  const { channels } = await sharp(bytes).stats();
  return Buffer.from(channels.map(({ mean }) => (mean > 128 ? 255 : 0))).toString("hex");
}

/** One page of 72 points, locked with a user password (qpdf --encrypt secret owner 128 --use-aes=y). */
const locked = Buffer.from(
  "JVBERi0xLjcKJb/3ov4KMSAwIG9iago8PCAvUGFnZXMgMyAwIFIgL1R5cGUgL0NhdGFsb2cgPj4KZW5kb2JqCjIgMCBvYmoKPDwgL0NyZWF0aW9uRGF0ZSA8YWFlZjk0OGZhMzQ1YjdhYWNkMzA5OTgzZmFlMTJlNjRmMDNiZDExMTU3MGZlM2FmMGZhNmEzN2MwZjNlNTgxYjNjZWFhNGQ2ZGIxMzI0ZjU0NGI0OTc1OTJiNGEyNjMzPiAvQ3JlYXRvciA8NzJkMmQ4ZmE3YmU4YjBmMzJlMGE4ZGM0ZGVlN2QxOTU3NjE3NTJmZGE2MGU2MWM3MDExMDliODI2MzgzNmNjMzUyNjVkM2NmNDBjOTMzMDk4N2Y4ZTdkYWZjOThkYjNhOTU4YjEyNDJiMTUxMzU5NjI0MjJlYzA0NTY3YWJhOWFlZTEyM2UxZDRkMDhmNTY5MmQ0NjM0NDVkNzE2ZDdmYjZjYzA5ZWU4Y2JjY2VkOTg5NWE3NzM3YTYwN2VmNjBmYzc3ZTFmNDA0NmIxZTE0NjM2NGFmYzYwMjM1NjVlZTM+IC9Nb2REYXRlIDxlMzc3ODYzMDFiYzRhMmVmYmEyMWI2ODUxMmI4MjkxN2UxNzg0N2Y0ZmNkNDk1YzFkMWVhMGY2Mjg5MmYwZjI2NzYwOGI0NzA2NTQ1MjNiYjAyNThiNzU3ZTE2NjRhZjI+IC9Qcm9kdWNlciA8ZWFiMDViNzUxZGM2NzY1NjM5NWE5ZTEwMjU1MDVhNWExM2JmY2Y0ZmNkMTBjOTIyY2Q5OGE0YmM5ODljNzlkYTUyZWQzMmYyMDJlZjQ1ODNjNWJjMDA0YTBkYjVhMjlkMzVhYmZhOTc5NmFhM2ZmNmZiNjVhNmQ5NGZmNWEyYTNlMDk2ZmY5OWFhNGEyOTUxYmZjMjczMmQ3ZmEyY2VhMmQ0ZjU4YzE0ZWEzMjFiZWI5YTYxZTQ2YjE3ZjdlNmU2OTZhMjA0NjlkOWI0ZTkwMDM5MjcxOWUxNjdkZTU3MmY+ID4+CmVuZG9iagozIDAgb2JqCjw8IC9Db3VudCAxIC9LaWRzIFsgNCAwIFIgXSAvVHlwZSAvUGFnZXMgPj4KZW5kb2JqCjQgMCBvYmoKPDwgL01lZGlhQm94IFsgMCAwIDcyIDcyIF0gL1BhcmVudCAzIDAgUiAvUmVzb3VyY2VzIDw8ID4+IC9UeXBlIC9QYWdlID4+CmVuZG9iago1IDAgb2JqCjw8IC9DRiA8PCAvU3RkQ0YgPDwgL0F1dGhFdmVudCAvRG9jT3BlbiAvQ0ZNIC9BRVNWMiAvTGVuZ3RoIDE2ID4+ID4+IC9GaWx0ZXIgL1N0YW5kYXJkIC9MZW5ndGggMTI4IC9PIDwwZGI1ODU1ZmM1MzI2NTY5ZTc2NTkwNmNhZjY0ZTQ0MjlhNGMyMGQ2ZTk5NmZkZWY5NjNlOWI1MDgwZjllMDgzPiAvUCAtNCAvUiA0IC9TdG1GIC9TdGRDRiAvU3RyRiAvU3RkQ0YgL1UgPDBlMTRjYmQyMGUxYzdmZWQ4NzE5OWQ1Mjk2NWE1MWFmMDEyMjQ1NmE5MWJhZTUxMzQyNzNhNmRiMTM0Yzg3YzQ+IC9WIDQgPj4KZW5kb2JqCnhyZWYKMCA2CjAwMDAwMDAwMDAgNjU1MzUgZiAKMDAwMDAwMDAxNSAwMDAwMCBuIAowMDAwMDAwMDY0IDAwMDAwIG4gCjAwMDAwMDA3NzkgMDAwMDAgbiAKMDAwMDAwMDgzOCAwMDAwMCBuIAowMDAwMDAwOTI2IDAwMDAwIG4gCnRyYWlsZXIgPDwgL0luZm8gMiAwIFIgL1Jvb3QgMSAwIFIgL1NpemUgNiAvSUQgWzw0NjE2NDcxNjgwOTU1MmQ2MjJhZTU4ZTA3N2JjZTNiZj48NDYxNjQ3MTY4MDk1NTJkNjIyYWU1OGUwNzdiY2UzYmY+XSAvRW5jcnlwdCA1IDAgUiA+PgpzdGFydHhyZWYKMTIyNQolJUVPRgo=",
  "base64",
);

describe("the previews of a PDF", () => {
  test("are 2,000 pixels long, with thumbnails of 320", async () => {
    const [page] = (
      await rendered(await pdf((document) => document.addPage([595, 842]).drawText("Load 4711")))
    ).pages;
    expect(page!.rendition).toMatchObject({ width: 1_413, height: 2_000 });
    expect(page!.thumbnail).toMatchObject({ width: 226, height: 320 });
    expect(await sharp(page!.rendition.bytes).metadata()).toMatchObject({ format: "jpeg", width: 1_413 });
    expect(page!.legibility).toEqual([]);
  });

  test("are each of its own page, whatever its size, and so are the thumbnails", async () => {
    const colours = [rgb(1, 0, 0), rgb(0, 1, 0), rgb(0, 0, 1), rgb(1, 1, 0), rgb(0, 1, 1)];
    const sizes = [600, 600, 100, 600, 600];
    const bytes = await pdf((document) => {
      for (const [index, color] of colours.entries()) {
        const size = sizes[index]!;
        const page = document.addPage([size, size]);
        page.drawRectangle({ width: size, height: size, color });
        page.drawRectangle({ y: size - 9, width: 9, height: 9 }); // not blank, as is found at once
      }
    });
    const { pages } = await rendered(bytes);
    const seen = await Promise.all(
      pages.map((page) => Promise.all([page.rendition, page.thumbnail].map(colourOf))),
    );
    expect(seen).toEqual(
      ["ff0000", "00ff00", "0000ff", "ffff00", "00ffff"].map((colour) => [colour, colour]),
    );
  });

  test("are given for the first pages only, while all are counted", async () => {
    const bytes = await pdf((document) => {
      for (let page = 0; page < 5; page += 1) document.addPage([100, 100]);
    });
    expect(await rendered(bytes, { ...allowance, previewPages: 3 })).toMatchObject({
      pageCount: 5,
      pages: { length: 3 },
    });
  });

  test("end with the first one when time is up, and so does the text", async () => {
    const bytes = await pdf((document) => {
      for (let page = 0; page < 3; page += 1) document.addPage([100, 100]).drawText("words", { size: 9 });
    });
    const decoded = await rendered(bytes, { ...allowance, softDeadlineMs: 0 });
    expect(decoded).toMatchObject({ pageCount: 3, pages: { length: 1 }, text: ["", "", ""] });
  });

  test("are those of the photos that were joined to one, in their order", async () => {
    const colours = [
      [200, 30, 30],
      [30, 30, 200],
    ] as const;
    const pages = await Promise.all(
      colours.map(async ([r, g, b]) => {
        const create = { width: 300, height: 400, channels: 3 as const, background: { r, g, b } };
        return { bytes: await sharp({ create }).jpeg().toBuffer(), width: 300, height: 400 };
      }),
    );
    const shown = await rendered(combineJpegs(pages)!);
    expect(shown.pages).toHaveLength(2);
    for (const [index, colour] of colours.entries()) {
      const { channels } = await sharp(shown.pages[index]!.rendition.bytes).stats();
      channels.forEach(({ mean }, channel) => expect(Math.abs(mean - colour[channel]!)).toBeLessThan(4));
    }
  });

  test("show what was filled into a form", async () => {
    const bytes = await pdf((document) => {
      const page = document.addPage([200, 100]);
      const field = document.getForm().createTextField("driver");
      field.setText("NOEMI");
      field.addToPage(page, {
        x: 10,
        y: 10,
        width: 180,
        height: 60,
        backgroundColor: rgb(1, 1, 1),
        borderWidth: 0,
      });
    });
    expect((await rendered(bytes)).pages[0]!.legibility).toEqual([]);
  });

  test("say that an empty page is blank", async () => {
    const bytes = await pdf((document) => document.addPage([300, 300]));
    expect((await rendered(bytes)).pages[0]!.legibility).toEqual(["blank"]);
  });

  test.each([
    ["a page of 200 inches", [14_400, 14_400], 2_000, 2_000],
    ["a ribbon", [14_400, 2], 2_000, 1],
    ["a stamp, at 300 dpi", [72, 36], 300, 150],
  ])("stay within bounds for %s", async (_, size, width, height) => {
    const bytes = await pdf((document) => document.addPage(size as [number, number]));
    expect((await rendered(bytes)).pages[0]!.rendition).toMatchObject({ width, height });
  });

  test("stand upright when the page says that it is turned", async () => {
    const bytes = await pdf((document) => {
      document.addPage([200, 400]).node.set(PDFName.of("Rotate"), PDFNumber.of(90));
    });
    const { width, height } = (await rendered(bytes)).pages[0]!.rendition;
    expect(width / height).toBeCloseTo(2, 1);
  });
});

describe("the text of a PDF", () => {
  test("is taken page by page", async () => {
    const bytes = await pdf((document) => {
      document.addPage([300, 100]).drawText("Load 4711 to Como");
      document.addPage([300, 100]);
      document.addPage([300, 100]).drawText("signed");
    });
    expect((await rendered(bytes)).text).toEqual(["Load 4711 to Como", "", "signed"]);
  });

  test("ends at 1 MiB over all pages, and every page keeps its place", async () => {
    const long = Array.from({ length: 6_000 }, () => "consignment ".repeat(10)).join("\n");
    const bytes = await pdf((document) => {
      document.addPage([2_000, 14_000]).drawText(long, { size: 1, lineHeight: 1.1 });
      document.addPage([2_000, 14_000]).drawText(long, { size: 1, lineHeight: 1.1 });
      document.addPage([300, 100]).drawText("never reached");
    });
    const { text } = await rendered(bytes, { previewPages: 1, softDeadlineMs: 60_000 });
    expect(text).toHaveLength(3);
    expect(Buffer.byteLength(text!.join(""))).toBe(maxTextBytes);
    expect(text![2]).toBe("");
  });
});

describe("a PDF without previews", () => {
  test("is locked by a password", async () => {
    expect(await renderPdf(locked, allowance)).toMatchObject({ outcome: "no_preview", reason: "encrypted" });
  });

  test.each([
    ["a header and nothing more", Buffer.from("%PDF-1.7\n")],
    ["garbage", Buffer.concat([Buffer.from("%PDF-1.7\n"), Buffer.alloc(5_000, 0x5a)])],
  ])("is broken: %s", async (_, bytes) => {
    expect(await renderPdf(bytes, allowance)).toMatchObject({ outcome: "no_preview", reason: "broken" });
  });

  test("has more than 500 pages; one of just 500 has them", async () => {
    const of = (count: number) =>
      pdf((document) => {
        for (let page = 0; page < count; page += 1) document.addPage([10, 10]);
      });
    const allowed = { ...allowance, previewPages: 1 };
    expect(await renderPdf(await of(maxPages + 1), allowed)).toMatchObject({
      outcome: "over_limit",
      limit: "pages",
      actual: 501,
      allowed: 500,
    });
    expect(await renderPdf(await of(maxPages), allowed)).toMatchObject({
      outcome: "rendered",
      pageCount: 500,
    });
  });
});
