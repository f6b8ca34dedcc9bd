import type { Problem } from "@strongroom/core/api-shapes";

/** Exit codes of `strongroom`; they are part of its interface. */
export const exitCodes = { ok: 0, refused: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The server's answer to a request that it refused, or could not serve. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly problem: Problem;
  /** Seconds that the server asks to wait before the same request; null when it says nothing. */
  readonly retryAfterSeconds: number | null;

  constructor(problem: Problem, retryAfterSeconds: number | null = null) {
    super(problem.detail);
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Stable snake_case code. */
  get code(): string {
    return this.problem.code;
  }

  get detail(): string {
    return this.problem.detail;
  }

  get retryable(): boolean {
    return this.problem.retryable;
  }
}

/** No answer came, however often it was tried. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  constructor(url: string, cause: unknown) {
    super(
      `${url} cannot be reached (${reasonOf(cause)}). Check the address and the network, then run this again.`,
      { cause },
    );
  }
}

/** The bytes of an artefact began to come and never came to their end, however often it was tried. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";

  constructor(artefact: string, cause: unknown) {
    super(
      `The transfer of ${artefact} broke off each time (${reasonOf(cause)}): the network failed, or the server ended it ` +
        "because its stored copy may be damaged. Nothing of it was kept. Run this again; if it still breaks off, tell your operator.",
      { cause },
    );
  }
}

/** Something on this side is not as it must be; `code` is stable snake_case. */
export class LocalProblem extends Error {
  override readonly name = "LocalProblem";
  readonly code: string;

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The command as typed cannot be carried out. */
export class UsageProblem extends Error {
  override readonly name = "UsageProblem";
}

/** The person stopped it; the message says how to go on. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  constructor(message = "Stopped.") {
    super(message);
  }
}

/** The innermost reason of a failed connection, in a few words: `ECONNREFUSED`, or the message when there is no code. */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause;
  if (!(reason instanceof Error)) return String(reason);
  const code = (reason as NodeJS.ErrnoException).code;
  return typeof code === "string" && code !== "" ? code : reason.message;
}

/** Which exit code a failure ends in. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (error instanceof UsageProblem) return exitCodes.usage;
  if (error instanceof Unreachable || error instanceof BrokenOff) return exitCodes.unreachable;
  if (error instanceof ApiProblem && error.problem.status >= 500 && error.code !== "damaged")
    return exitCodes.unreachable;
  return exitCodes.refused;
}

/** A failure as problem details (RFC 9457); one of this side has no `status` and no `instance`. */
export function problemOf(
  error: unknown,
): Partial<Problem> & Pick<Problem, "type" | "title" | "code" | "detail"> {
  if (error instanceof ApiProblem) return error.problem;
  const { code, title } = localKind(error);
  const retryable =
    error instanceof Unreachable || error instanceof BrokenOff || error instanceof Interrupted;
  return { type: "about:blank", title, code, detail: messageOf(error), retryable };
}

function localKind(error: unknown): { code: string; title: string } {
  if (error instanceof LocalProblem) return { code: error.code, title: "Not done" };
  if (error instanceof UsageProblem) return { code: "usage", title: "Not understood" };
  if (error instanceof Unreachable) return { code: "unreachable", title: "No answer" };
  if (error instanceof BrokenOff) return { code: "broken_off", title: "Not read" };
  if (error instanceof Interrupted) return { code: "interrupted", title: "Stopped" };
  return { code: "unexpected", title: "Unexpected failure" };
}

/** What to tell a person about a failure, in one line. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const wait = error instanceof ApiProblem ? error.retryAfterSeconds : null;
  return wait === null ? error.message : `${error.message} Try again in ${wait} s.`;
}
