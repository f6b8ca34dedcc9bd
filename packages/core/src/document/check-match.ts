import { Refusal } from "../errors.ts";
import type { Loaded } from "./load-document.ts";

/** Refuses a change that starts from another version than the document has; an ETag begins with the version, which alone counts. */
export function checkMatch({ document }: Loaded, ifMatch: string | null): void {
  if (ifMatch === null || ifMatch === "*" || ifMatch.replace(/^W\//, "").startsWith(`"${document.version}-`))
    return;
  throw new Refusal(
    "changed_meanwhile",
    "Somebody changed this document meanwhile. Load it again, then repeat your change.",
    { status: 412 },
  );
}
