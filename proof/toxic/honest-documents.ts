import { drawPicture, quadrants } from "./honest.ts";
import type { Claimed } from "./send-through-system.ts";
import type { Truth } from "./toxic-file.ts";
import { comment, jpegSegment, withSegments } from "./write/jpeg.ts";
import { fourSquares, onePage, writePdf } from "./write/pdf.ts";

/** What every honest document shows on its first page. */
export const honestTruth: Truth = { quadrants, torn: false };

/** Makes honest documents, none like another: photos of two megapixels, one in six of two pages, one in six a PDF. */
export async function honestDocuments(seed: number): Promise<(index: number) => Claimed[]> {
  const photo = await drawPicture(800, 600, seed).resize(1_600, 1_200).jpeg({ quality: 85 }).toBuffer();
  const page = (index: number, number: number): Claimed => ({
    bytes: withSegments(photo, [jpegSegment(comment, Buffer.from(`${seed}.${index}.${number}`))]),
    name: `page-${number}.jpg`,
    declaredType: "image/jpeg",
  });
  return (index) => {
    if (index % 6 === 4) return [page(index, 1), page(index, 2)];
    if (index % 6 !== 5) return [page(index, 1)];
    const content = `${fourSquares}\nBT /F1 9 Tf 10 20 Td (Invoice ${seed}.${index}) Tj ET`;
    return [{ bytes: writePdf(onePage({ content })), name: "invoice.pdf", declaredType: "application/pdf" }];
  };
}
