/** PostgreSQL's code of a write where only reading is possible: the server is no longer the writer, and another is. */
export const steppedDown = "25006";

/** Codes of PostgreSQL and of the network that say: not now, the same call may work in a moment. */
const passingCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "57P01",
  "57P02",
  "57P03",
  "57014",
  "53300",
  "53400",
  "40001",
  "40P01",
  "55P03",
  "25P03",
  steppedDown,
]);
/** As the AWS SDK names what lasts for all calls alike: no answer, no credentials to call with. */
const passingNames = new Set(["TimeoutError", "CredentialsProviderError"]);
const passingMessages =
  /connection terminated|query read timeout|timeout exceeded when trying to connect|client has encountered a connection error|not queryable/i;

/** What services of AWS call a refusal of one request too many; they count it as the client's fault. */
const throttlingNames = /Throttl|TooManyRequests|SlowDown/;

/** Whether an error (or what caused it) is a dependency that is down or busy for the moment, not a fault of the work. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError && error.errors.some(isOutage)) return true;
  const code = "code" in error ? String(error.code) : "";
  // As the AWS SDK tells, after tries of its own, that a service failed or did not answer.
  const isService = ("$fault" in error && error.$fault === "server") || passingNames.has(error.name);
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return (
    isService ||
    throttlingNames.test(error.name) ||
    $metadata?.httpStatusCode === 429 ||
    passingCodes.has(code) ||
    code.startsWith("08") ||
    passingMessages.test(error.message) ||
    isOutage(error.cause)
  );
}
