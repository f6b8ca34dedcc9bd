/** A delivery note of some pages, each with a heading and a ruled table of 48 lines of text. */
export function drawPdf(pages: number): Uint8Array {
  const ofPage = (index: number) => ({ page: 4 + index * 2, content: 5 + index * 2 });
  const numbers = Array.from({ length: pages }, (_, index) => ofPage(index));
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Count ${pages} /Kids [${numbers.map(({ page }) => `${page} 0 R`).join(" ")}] >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ...numbers.flatMap(({ content }, index) => {
      const drawn = drawPage(index + 1, pages);
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${content} 0 R /Resources << /Font << /F 3 0 R >> >> >>`,
        `<< /Length ${drawn.length} >>\nstream\n${drawn}\nendstream`,
      ];
    }),
  ];
  let text = "%PDF-1.4\n";
  const offsets = objects.map((body, index) => {
    const at = text.length;
    text += `${index + 1} 0 obj\n${body}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  const size = objects.length + 1;
  const trailer = `trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
  return Buffer.from(`${text}xref\n0 ${size}\n0000000000 65535 f \n${offsets.join("")}${trailer}`, "latin1");
}

function drawPage(page: number, pages: number): string {
  const lines = Array.from({ length: 48 }, (_, line) => {
    const y = 750 - line * 14.5;
    const says = `${line + 1}  pallets, weight and remarks of this position  ${line * 37} kg`;
    return `BT /F 9 Tf 52 ${y} Td (${says}) Tj ET 50 ${y - 3} m 545 ${y - 3} l S`;
  });
  return [
    "0.5 w",
    `BT /F 18 Tf 50 780 Td (Delivery note 4711, page ${page} of ${pages}) Tj ET`,
    ...lines,
  ].join("\n");
}
