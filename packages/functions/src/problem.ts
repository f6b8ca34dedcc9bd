import type { Problem } from "@strongroom/core/api-shapes";
import { isOutage } from "@strongroom/core/database/outage";
import { Damaged, Refusal } from "@strongroom/core/errors";
import { isDiskFull } from "@strongroom/core/ports/disk-full";
import { problemCodes } from "@strongroom/core/problem-codes";
import type { HttpAnswer } from "./gateway.ts";

/** A dependency of ours is down or slow and the database was not asked: answered with 503, logged with its cause. */
export class Outage extends Error {
  override readonly name = "Outage";
}

/** Seconds after which a client may try again when a dependency of ours is down. */
const outageRetrySeconds = 5;

/** Whether the error is ours: it is logged with its cause, and the caller is told nothing of it. */
export function isOurFault(error: unknown): boolean {
  return !(error instanceof Refusal);
}

/** Whatever was thrown as an Error, for the log. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error("something that is no Error was thrown", { cause: thrown });
}

/** The refusal that a caller is shown for whatever was thrown. */
export function refusalOf(error: unknown): { refusal: Refusal; status: number } {
  if (error instanceof Refusal) return { refusal: error, status: error.status };
  if (error instanceof Damaged) return { refusal: damaged(), status: 500 };
  if (error instanceof Outage || isOutage(error) || isDiskFull(error))
    return { refusal: unavailable(), status: 503 };
  return {
    refusal: new Refusal("internal", "It is our fault, not yours. Nothing more was done; try again later."),
    status: 500,
  };
}

/** Whatever was thrown as problem details (RFC 9457). `requestId` finds the request in our log. */
export function problemAnswer(error: unknown, requestId: string): HttpAnswer {
  const { refusal, status } = refusalOf(error);
  const { code, message, details, retryAfterSeconds } = refusal;
  const problem: Problem = {
    type: `urn:strongroom:problem:${code}`,
    title: titleOf(code),
    status,
    code,
    detail: message,
    retryable: retryAfterSeconds !== null || (status >= 500 && !(error instanceof Damaged)),
    instance: requestId,
  };
  return {
    statusCode: status,
    headers: {
      "content-type": "application/problem+json",
      ...(retryAfterSeconds !== null && { "retry-after": String(Math.ceil(retryAfterSeconds)) }),
      ...(status === 401 && { "www-authenticate": challengeFor(code) }),
    },
    body: JSON.stringify({ ...details, ...problem }),
  };
}

/** Headers that every answer bears, whatever it is. */
export function commonHeaders(requestId: string): Record<string, string> {
  return {
    "cache-control": "private, no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-request-id": requestId,
  };
}

function unavailable(): Refusal {
  return new Refusal(
    "unavailable",
    "A part of the system does not answer. Send the same request again in a few seconds.",
    {
      status: 503,
      retryAfterSeconds: outageRetrySeconds,
    },
  );
}

function damaged(): Refusal {
  return new Refusal(
    "damaged",
    "The stored copy is not as it was sealed: it is gone, cut short or altered. Nothing of it was handed out. Asking again does not help: tell your operator, who has to bring it back.",
  );
}

/** RFC 6750: a request without a token is told how to come, one with a bad token that it is bad. */
function challengeFor(code: string): string {
  return code === "token_missing"
    ? 'Bearer realm="strongroom"'
    : 'Bearer realm="strongroom", error="invalid_token"';
}

function titleOf(code: string): string {
  const words = problemCodes.get(code)?.title ?? code.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
