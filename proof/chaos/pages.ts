import { createHash } from "node:crypto";
import { padJpeg } from "@strongroom/local/test-files";
import sharp from "sharp";

/** Bytes of one file, and what it pretends to be. */
export type Page = { name: string; mediaType: string; bytes: Buffer };
export type PageSort = "photo" | "large" | "pdf" | "png" | "webp" | "text" | "gif" | "cut";

/** Pages of every sort, no two alike: made once, made different by what readers pass over. */
export type Pages = { make(sort: PageSort): Page };

const megabyte = 1024 * 1024;

/** Draws the pictures from which all pages are made. */
export async function drawPages(random: () => number): Promise<Pages> {
  const [small, wide] = await Promise.all([draw(480, 640), draw(900, 1200)]);
  const jpegs = await Promise.all(
    [small, wide].map((picture) => picture.clone().jpeg({ quality: 70 }).toBuffer()),
  );
  const [png, webp, gif] = await Promise.all([
    small.clone().png({ palette: true }).toBuffer(),
    small.clone().webp().toBuffer(),
    small.clone().gif().toBuffer(),
  ]);
  let made = 0;
  /** Bytes that make a file its own; appended, where readers stop before. */
  const mark = () => Buffer.from(`\n%${++made} ${random()}\n`);
  const photo = () => {
    const jpeg = jpegs[Math.floor(random() * jpegs.length)]!;
    return Buffer.from(padJpeg(jpeg, jpeg.length + 40 + Math.floor(random() * 1_000)));
  };
  const sorts: Record<PageSort, () => Page> = {
    photo: () => ({ name: "photo.jpg", mediaType: "image/jpeg", bytes: photo() }),
    large: () => ({
      name: "scan.jpg",
      mediaType: "image/jpeg",
      bytes: Buffer.from(padJpeg(jpegs[0]!, 17 * megabyte)),
    }),
    pdf: () => ({
      name: "note.pdf",
      mediaType: "application/pdf",
      bytes: pdf(`Delivery note ${++made} ${random()}`),
    }),
    png: () => ({ name: "scan.png", mediaType: "image/png", bytes: Buffer.concat([png, mark()]) }),
    webp: () => ({ name: "scan.webp", mediaType: "image/webp", bytes: webpWith(webp, mark()) }),
    text: () => ({
      name: "photo.jpg",
      mediaType: "image/jpeg",
      bytes: Buffer.from(`no photo ${mark().toString()}`),
    }),
    gif: () => ({ name: "photo.jpg", mediaType: "image/jpeg", bytes: Buffer.concat([gif, mark()]) }),
    cut: () => {
      const whole = photo();
      return { name: "photo.jpg", mediaType: "image/jpeg", bytes: whole.subarray(0, whole.length >> 2) };
    },
  };
  return { make: (sort) => sorts[sort]() };
}

/** A sheet with lines of text on a desk. */
async function draw(width: number, height: number) {
  const lines = Array.from({ length: 18 }, (_, line) => {
    const y = Math.round(((line + 2) * height) / 22);
    return `<text x="${width / 10}" y="${y}" font-size="${height / 32}">Freight line ${line}: ${"ilX8".repeat(4)}</text>`;
  });
  const svg = `<svg width="${width}" height="${height}"><rect width="100%" height="100%" fill="#ddd"/><g fill="#111">${lines.join("")}</g></svg>`;
  return sharp(await sharp(Buffer.from(svg)).png().toBuffer());
}

/** A chunk that no reader knows, within the length that the file declares. */
function webpWith(webp: Buffer, mark: Buffer): Buffer {
  const data = mark.length % 2 === 0 ? mark : Buffer.concat([mark, Buffer.from("\n")]);
  const head = Buffer.alloc(8);
  head.write("mark");
  head.writeUInt32LE(data.length, 4);
  const whole = Buffer.concat([webp, head, data]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

/** One page with one line of text. */
function pdf(text: string): Buffer {
  const content = `BT /F1 18 Tf 60 720 Td (${text}) Tj ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  let file = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const at = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = places.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
  return Buffer.from(`${file}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}${trailer}`);
}

/** SHA-256 in hex. */
export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
