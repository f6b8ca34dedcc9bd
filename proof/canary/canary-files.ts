import { randomBytes } from "node:crypto";
import sharp from "sharp";

const letters = () => randomBytes(8).toString("hex");
/** What all marks of this process begin with: whatever does not hold this holds none of them. */
export const family = `c${letters().slice(1)}`;

/** 32 letters that stand nowhere else; one word for any search. */
export const newCanary = (): string => family + letters();

/** The places that a mark is put into; each has a mark of its own. */
export type Canaries = Record<
  | "comment"
  | "exif"
  | "pdfText"
  | "pdfInfo"
  | "fileName"
  | "note"
  | "loadNumber"
  | "pushToken"
  | "personName",
  string
>;

/** A photo with one mark in a comment of the file and one in what its camera wrote. */
export async function canaryPhoto(photo: Uint8Array, { comment, exif }: Canaries): Promise<Buffer> {
  const jpeg = await sharp(photo)
    .withExif({ IFD0: { ImageDescription: exif, Make: exif } })
    .jpeg()
    .toBuffer();
  const length = Buffer.alloc(2);
  length.writeUInt16BE(comment.length + 2);
  return Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from([0xff, 0xfe]),
    length,
    Buffer.from(comment),
    jpeg.subarray(2),
  ]);
}

/** A PDF of one page, nothing in it compressed, with one mark in its text and one in its title. */
export function canaryPdf({ pdfText, pdfInfo }: Canaries): Buffer {
  const text = `BT /F1 12 Tf 20 100 Td (${pdfText}) Tj ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    `<< /Title (${pdfInfo}) >>`,
  ];
  let file = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const rows = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`;
  const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info 6 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
  return Buffer.from(file + table + trailer);
}
