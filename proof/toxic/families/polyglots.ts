import { type Honest, quadrants } from "../honest.ts";
import { canary, foreign, inFamily, rendered, renderedOrBroken, type ToxicFile } from "../toxic-file.ts";
import { comment, jpegSegment, withSegments } from "../write/jpeg.ts";
import { onePage, writePdf } from "../write/pdf.ts";
import { pngChunk, withPngChunks } from "../write/png.ts";
import { pixelChunk, riffChunk, writeWebp } from "../write/webp.ts";
import { writeZip } from "../write/zip.ts";

const file = inFamily("polyglots");
const whole = { truth: { quadrants, torn: false } };
const html = Buffer.from(`<!doctype html><script>alert("${canary}")</script>`);
const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert("${canary}")</script></svg>`;

/** Files that are two things at once, or bear the wrong name. What is shown must be the picture alone. */
export function polyglots({ jpeg, png, webp, tiff, pdf, heic }: Honest): ToxicFile[] {
  const zip = writeZip("payload.txt", Buffer.from(canary));
  const hidden = (content: Buffer) => withSegments(jpeg, [jpegSegment(comment, content)]);
  const behind = (first: Buffer, second: Buffer) => Buffer.concat([first, second]);
  return [
    file("jpeg with a zip behind it", behind(jpeg, zip), rendered, whole),
    file(
      "jpeg with a program behind it",
      behind(jpeg, Buffer.from(`MZ\x90\0${canary}`, "latin1")),
      rendered,
      whole,
    ),
    file("jpeg with a second jpeg behind it", behind(jpeg, jpeg), rendered, whole),
    file("jpeg with a PDF behind it", behind(jpeg, pdf), rendered, whole),
    file(
      "jpeg with a PDF in its comment",
      hidden(writePdf(onePage({ catalog: `/X (${canary})` }))),
      rendered,
      whole,
    ),
    file("jpeg with HTML in its comment", hidden(html), rendered, whole),
    file(
      "jpeg with PHP in its comment",
      hidden(Buffer.from(`<?php system("${canary}"); ?>`)),
      rendered,
      whole,
    ),
    file("jpeg that is JavaScript", hidden(Buffer.from(`*/=alert("${canary}")/*`)), rendered, whole),
    file("jpeg with a zip in its comment", hidden(zip), rendered, whole),
    file(
      "jpeg with an RAR behind it",
      behind(jpeg, Buffer.from(`Rar!\x1a\x07\0${canary}`, "latin1")),
      rendered,
      whole,
    ),
    file(
      "jpeg that is a GIF with a zip behind it",
      behind(Buffer.from("GIF89a\x01\0\x01\0\0\0\0;", "latin1"), zip),
      foreign,
    ),
    file("jpeg that is a zip with a picture inside", writeZip("photo.jpg", jpeg), foreign),
    file("jpeg that is an SVG", Buffer.from(svg), foreign),
    file("jpeg that is an SVG behind an XML header", Buffer.from(`<?xml version="1.0"?>\n${svg}`), foreign),
    file("jpeg that is a page of HTML", html, foreign),
    file("jpeg that is a script", Buffer.from("#!/bin/sh\ncurl http://127.0.0.1/ | sh\n"), foreign),
    file(
      "jpeg that is an XML bomb",
      Buffer.from(
        `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "${"x".repeat(100)}"><!ENTITY b "&a;&a;&a;&a;&a;">]><l>&b;</l>`,
      ),
      foreign,
    ),
    file("jpeg behind an MZ header", behind(Buffer.from("MZ\x90\0\x03\0\0\0", "latin1"), jpeg), foreign),
    file("jpeg behind an ELF header", behind(Buffer.from("\x7fELF\x02\x01\x01\0", "latin1"), jpeg), foreign),
    file("jpeg behind one byte", behind(Buffer.from("\n"), jpeg), foreign),
    file("png with HTML behind it", behind(png, html), rendered, whole),
    file(
      "png with a script in its text",
      withPngChunks(png, [pngChunk("tEXt", behind(Buffer.from("Comment\0"), html))]),
      rendered,
      whole,
    ),
    file(
      "png with a program in a chunk of its own",
      withPngChunks(png, [pngChunk("exEc", Buffer.from(`MZ${canary}`))]),
      rendered,
      whole,
    ),
    file(
      "webp with a zip in a chunk of its own",
      writeWebp([pixelChunk(webp), riffChunk("PKZP", zip)]),
      renderedOrBroken,
      whole,
    ),
    file("webp with HTML behind it", behind(webp, html), renderedOrBroken, whole),
    file("tiff with a zip behind it", behind(tiff, zip), rendered, whole),
    file("heic with a zip behind it", behind(heic, zip), renderedOrBroken),
    file("pdf with a jpeg behind it", behind(pdf, jpeg), renderedOrBroken, whole),
    file("pdf with a zip behind it", behind(pdf, zip), renderedOrBroken, whole),
    file("pdf behind HTML", behind(html, pdf), renderedOrBroken, whole),
    file(
      "pdf behind an MZ header",
      behind(Buffer.from("MZ\x90\0\x03\0\0\0", "latin1"), pdf),
      renderedOrBroken,
      whole,
    ),
    file(
      "pdf inside a zip, not compressed",
      writeZip("a.pdf", pdf),
      [...foreign, ...renderedOrBroken],
      whole,
    ),
    file("pdf that is a jpeg by name and type", pdf, rendered, {
      ...whole,
      name: "photo.jpg",
      declaredType: "image/jpeg",
    }),
    file("jpeg that is a PDF by name and type", jpeg, rendered, {
      ...whole,
      name: "letter.pdf",
      declaredType: "application/pdf",
    }),
    file("png that is a HEIC by name and type", png, rendered, {
      ...whole,
      name: "photo.heic",
      declaredType: "image/heic",
    }),
    file("jpeg that calls itself a web page", jpeg, rendered, {
      ...whole,
      name: "photo.html",
      declaredType: "text/html",
    }),
    file("jpeg that calls itself SVG", jpeg, rendered, {
      ...whole,
      name: "photo.svg",
      declaredType: "image/svg+xml",
    }),
    file("jpeg that calls itself a program", jpeg, rendered, {
      ...whole,
      name: "photo.exe",
      declaredType: "application/x-msdownload",
    }),
  ];
}
