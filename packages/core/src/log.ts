/** Fields of a log line: ids, sizes, durations and codes; never contents, keys, names or tokens. */
export type LogFields = Record<string, string | number | boolean | null | undefined | Error>;

/** Writes one JSON line per event; the event's name comes first and holds no values. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

type Write = (line: string) => void;

/** A log that stamps every line with `base` (for instance the name of the process). */
export function jsonLog(
  base: LogFields,
  write: Write | undefined = (line) => process.stderr.write(line),
): Log {
  const at =
    (level: string) =>
    (event: string, fields: LogFields = {}) =>
      write(`${JSON.stringify({ event, level, at: new Date().toISOString(), ...base, ...shown(fields) })}\n`);
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

/** A log that keeps nothing. */
export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} };

function shown(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? chain(value) : value]),
  );
}

function chain(error: Error): string {
  const cause = error.cause instanceof Error ? ` <- ${chain(error.cause)}` : "";
  const code = "code" in error ? ` [${String(error.code)}]` : "";
  return `${error.name}: ${error.message}${code}${cause}`;
}
