import { heavy, inFamily, renderedOrBroken, type ToxicFile } from "../toxic-file.ts";
import { fourSquares, onePage, pdfStream, type PdfObject, writePdf } from "../write/pdf.ts";

const file = inFamily("drawing bombs");
const page = (content: string, rest: Parameters<typeof onePage>[0] = {}) =>
  writePdf(onePage({ content, ...rest }));

/** Pages that are small to read and endless to draw. */
export function drawingBombs(): ToxicFile[] {
  const form = (content: string, resources: string) =>
    pdfStream(content, `/Type /XObject /Subtype /Form /BBox [0 0 300 300] /Resources << ${resources} >>`);
  const laughs = (levels: number, each: number) =>
    Array.from({ length: levels }, (_, index) =>
      index === levels - 1
        ? form("0 0 300 300 re f", "")
        : form("/X Do ".repeat(each), `/XObject << /X ${index + 7} 0 R >>`),
    );
  const drawn = { resources: "/XObject << /X 6 0 R >>" };
  const tiling = pdfStream(
    "0 0 1 1 re f",
    "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.0001 /YStep 0.0001 /Resources << >>",
  );
  const shading =
    "<< /ShadingType 1 /ColorSpace /DeviceRGB /Domain [0 1e9 0 1e9] /Function << /FunctionType 4 /Domain [0 1e9 0 1e9] /Range [0 1 0 1 0 1] >> >>";
  return [
    file(
      "pdf whose form draws itself",
      page("/X Do", { ...drawn, more: [form("/X Do", "/XObject << /X 6 0 R >>")] }),
      renderedOrBroken,
    ),
    file("pdf whose forms laugh 10^12 times", page("/X Do", { ...drawn, more: laughs(13, 10) }), heavy, {}),
    file(
      "pdf with a tiling of 10^12 tiles",
      page("/Pattern cs /P scn 0 0 300 300 re f", { resources: "/Pattern << /P 6 0 R >>", more: [tiling] }),
      heavy,
    ),
    file(
      "pdf with a shading over 10^18",
      page("/S sh", { resources: `/Shading << /S ${shading} >>` }),
      heavy,
    ),
    file("pdf with 100,000 curves", page(`${"0 0 m 300 300 0 300 300 0 c 10 w S\n".repeat(100_000)}`), heavy),
    file(
      "pdf with a dash of a millionth",
      page("[0.000001] 0 d 1 w 0 0 m 300 300 l S 0 0 300 300 re S"),
      heavy,
    ),
    file("pdf with 200,000 clips", page(`${"0 0 300 300 re W n ".repeat(200_000)}${fourSquares}`), heavy),
    file(
      "pdf with a page of 10^9 points",
      writePdf(onePage({ page: "/MediaBox [0 0 1000000000 1000000000]" })),
      renderedOrBroken,
    ),
    file(
      "pdf with a page of 10^30 by 1 points",
      writePdf(onePage({ page: "/MediaBox [0 0 1e30 1] /UserUnit 1e30" })),
      renderedOrBroken,
    ),
    file("pdf with a page of no area", writePdf(onePage({ page: "/MediaBox [0 0 0 0]" })), renderedOrBroken),
    file(
      "pdf with a page that is no number",
      writePdf(onePage({ page: "/MediaBox [nan inf -1 (x)]" })),
      renderedOrBroken,
    ),
    file(
      "pdf with a page of 1 by 10,000,000 points",
      writePdf(onePage({ page: "/MediaBox [0 0 1 10000000]" })),
      renderedOrBroken,
    ),
    file(
      "pdf with two million letters",
      page(`BT /F1 1 Tf 1 1 Td ${`(${"word ".repeat(400)}) Tj `.repeat(1_000)} ET`),
      heavy,
    ),
    file(
      "pdf with 10,000 notes on its page",
      writePdf(
        onePage({
          page: `/Annots [${"6 0 R ".repeat(10_000)}]`,
          more: ["<< /Type /Annot /Subtype /Square /Rect [0 0 9 9] /C [1 0 0] >>"],
        }),
      ),
      heavy,
    ),
    file("pdf with a Type 3 font that writes itself", writePdf(typeThree()), renderedOrBroken),
    file(
      "pdf with a transparency group in each of 5,000 levels",
      page("q /X Do Q", { ...drawn, more: groups(5_000) }),
      heavy,
    ),
  ];
}

function typeThree(): PdfObject[] {
  const objects = onePage({ more: [pdfStream("1000 0 d0 BT /F1 12 Tf (a) Tj ET 0 0 9 9 re f")] });
  objects[4] =
    "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 /LastChar 97 /Widths [9] /CharProcs << /a 6 0 R >> /Encoding << /Differences [97 /a] >> /Resources << /Font << /F1 5 0 R >> >> >>";
  objects[3] = pdfStream("BT /F1 12 Tf 9 9 Td (aaaa) Tj ET");
  return objects;
}

function groups(levels: number): PdfObject[] {
  return Array.from({ length: levels }, (_, index) =>
    pdfStream(
      index === levels - 1 ? "0 0 9 9 re f" : "/X Do",
      `/Type /XObject /Subtype /Form /BBox [0 0 300 300] /Group << /S /Transparency /I true >> /Resources << /XObject << /X ${index + 7} 0 R >> >>`,
    ),
  );
}
