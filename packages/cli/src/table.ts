const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** Columns that a text takes on a terminal: two for East Asian letters and emoji. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}

/**
 * A text in at most `width` columns. What is left out becomes an ellipsis: of a name, whose end tells as much as its
 * beginning, the middle is left out; of a sentence the end.
 */
export function shorten(text: string, width: number, leftOut: "middle" | "end" = "middle"): string {
  if (widthOf(text) <= width) return text;
  const letters = Array.from(graphemes.segment(text), ({ segment }) => segment);
  const tailWidth = leftOut === "end" ? 0 : Math.floor((width - 1) / 3);
  const tail = takeWhile(letters.toReversed(), tailWidth).toReversed();
  return `${takeWhile(letters, width - 1 - widthOf(tail.join(""))).join("")}…${tail.join("")}`;
}

function takeWhile(letters: readonly string[], width: number): string[] {
  const taken: string[] = [];
  let used = 0;
  for (const letter of letters) {
    used += widthOf(letter);
    if (used > width) break;
    taken.push(letter);
  }
  return taken;
}

/** A column: its title, its side, the most columns of the terminal that it takes (default: what it needs), what it leaves out. */
export type Column = { title: string; align?: "right"; maxWidth?: number; leftOut?: "end" };

/** Rows under their titles, two spaces between columns, no space at the end of a line. Too long cells are shortened. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) =>
    columns.map(({ maxWidth = Number.POSITIVE_INFINITY, leftOut }, index) =>
      shorten(row[index] ?? "", maxWidth, leftOut),
    ),
  );
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => widthOf(row[index]!))));
  return cells.map((row) =>
    row
      .map((cell, index) => {
        const space = " ".repeat(widths[index]! - widthOf(cell));
        return columns[index]!.align === "right" ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
}
