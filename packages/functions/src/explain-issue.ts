import { Refusal } from "@strongroom/core/errors";
import type * as z from "zod";

/** Where a value stands in a request. */
export type Place = "body" | "query" | "path";

/** As many faults as one answer names. */
const faultsShown = 10;

/** What zod found, as a refusal that names the first field in a plain sentence and lists the others; never their values. */
export function invalidRequest(place: Place, error: z.ZodError): Refusal {
  const faults = error.issues.slice(0, faultsShown).map((issue) => explain(place, issue));
  return new Refusal("invalid_request", faults[0]!.message, { status: 400, details: { faults } });
}

type Fault = { in: Place; field: string; message: string };

function explain(place: Place, issue: z.core.$ZodIssue): Fault {
  const [path, says] =
    issue.code === "unrecognized_keys" ? unknownField(issue) : [issue.path, wordsFor(issue.message)];
  const field = fieldName(path);
  const what =
    field === "" ? { body: "The body", query: "The query", path: "The path" }[place] : `The field "${field}"`;
  return { in: place, field, message: `${what} ${says}.` };
}

function unknownField(issue: z.core.$ZodIssueUnrecognizedKeys): [PropertyKey[], string] {
  return [[...issue.path, issue.keys[0]!.slice(0, 100)], "is not known here; leave it out"];
}

/** Our own messages are ends of sentences ("is not a media type"), zod's are remarks. */
function wordsFor(message: string): string {
  if (message.endsWith("received undefined")) return "is missing";
  return /^[a-z]/.test(message) ? message : `is wrong: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

function fieldName(path: PropertyKey[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}
