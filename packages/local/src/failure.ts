import { inspect } from "node:util";
import { Refusal } from "@strongroom/core/errors";

/** As files, PostgreSQL (53100 is its `disk_full`) and its programs say it, anywhere in the causes. */
const diskFull = /\b(?:ENOSPC|EDQUOT)\b|No space left on device|code: '53100'/;

/** What may be done besides, by refusal: the demo, which is refused likewise, takes no server of one's own. */
const besides: Record<string, string> = {
  postgres_missing: " Or set DATABASE_URL to a PostgreSQL 17 server of your own.",
};

/** What a start that failed says: a Refusal all there is to say; a full disk is no fault of ours; any other is, and shown with its causes. */
export function tellFailure(error: unknown, dataDirectory: string): string {
  if (error instanceof Refusal) return `${error.message}${besides[error.code] ?? ""}\n`;
  const causes = inspect(error);
  if (!diskFull.test(causes)) return `Strongroom failed.\n${causes}\n`;
  return (
    `The disk of ${dataDirectory} is full, or its user's quota is used up. ` +
    "Nothing that was accepted is lost: free space and start again.\n"
  );
}
