/** Of files, and of PostgreSQL: a disk, or what we may use of it, is full. */
const fullCodes = new Set(["ENOSPC", "EDQUOT", "53100"]);

/** Whether an error (or what caused it) is a disk without room: nothing is wrong with the work, and somebody has to make room. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError && error.errors.some(isDiskFull)) return true;
  return ("code" in error && fullCodes.has(String(error.code))) || isDiskFull(error.cause);
}
