import { readFile } from "node:fs/promises";
import { join } from "node:path";

const page = join(import.meta.dirname, "../../docs/data-map.md");
const classes = ["personal", "pseudonym", "no"] as const;

/** One column of the database, as docs/data-map.md classifies it. */
export type MappedColumn = {
  /** `public.document.note` */
  name: string;
  class: (typeof classes)[number];
  /** Why it is there, how long it is kept, what erases it. */
  says: string[];
};

/** Reads the map; throws for a row that it does not understand. */
export async function readDataMap(): Promise<MappedColumn[]> {
  let table = "";
  const columns: MappedColumn[] = [];
  for (const line of (await readFile(page, "utf8")).split("\n")) {
    table = /^## (\w+\.\w+)$/.exec(line)?.[1] ?? (line.startsWith("## ") ? "" : table);
    if (table === "" || !line.startsWith("| `")) continue;
    const [names = "", given = "", ...says] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    const known = classes.find((one) => one === given);
    if (!known) throw new Error(`the data map knows no class ${given}: ${line}`);
    for (const [, name] of names.matchAll(/`(\w+)`/g))
      columns.push({ name: `${table}.${name!}`, class: known, says });
  }
  return columns;
}
