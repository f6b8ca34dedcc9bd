/** A name between two slashes of a key: at most 200 letters, digits, dots, underscores, hyphens; neither `.` nor `..`. */
export function isSegment(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,200}$/.test(text) && text !== "." && text !== "..";
}

/** A key of the staging area (`s/…`), the tombstones (`t/…`) or the vault (`v/…`), at most 1,024 characters (S3's limit). */
export function isObjectKey(key: string): boolean {
  const [area, ...names] = key.split("/");
  return key.length <= 1024 && isArea(area!) && names.length > 0 && names.every(isSegment);
}

const isArea = (area: string): boolean => area === "s" || area === "t" || area === "v";

/** Throws unless the text is a key: keys are made by us, so a bad one is our fault. */
export function checkObjectKey(key: string): void {
  if (!isObjectKey(key)) throw new Error(`not an object key: ${JSON.stringify(key.slice(0, 200))}`);
}

/** Throws for a key below `t/`: what lies there is written by us alone, and stays. */
export function checkNotTombstone(key: string): void {
  if (key.startsWith("t/")) throw new Error(`a tombstone is neither uploaded nor removed: ${key}`);
}
