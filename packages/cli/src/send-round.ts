import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Problem, type FileUpload, type UploadRequest } from "@strongroom/core/api-shapes";
import { changedFile, isUnchanged, type LocalFile } from "./declare-files.ts";
import { type Patience, waitAfter } from "./patience.ts";
import { ApiProblem, LocalProblem, Unreachable } from "./problems.ts";
import { type PutOutcome, sendPart } from "./send-part.ts";
import type { Progress } from "./upload-progress.ts";

/** PUTs in flight at once: enough to hide one round trip behind another, few enough for a phone's uplink. */
const atOnce = 2;

/** Whether all signed PUTs were answered, or why the rest must be signed anew; `advanced`: something did get there. */
export type RoundOutcome = { outcome: "done" } | { outcome: "sign_anew"; advanced: boolean; cause: Error };

type Job = { file: LocalFile; position: number; put: UploadRequest };
type Round = { patience: Patience; progress: Progress; signal: AbortSignal | undefined };
type Step = { outcome: "done" } | { outcome: "sign_anew"; cause: Error };

/** Sends what is left of a document, two PUTs at once. Throws when the store refuses for good or a file changed. */
export async function sendRound(
  uploads: readonly FileUpload[],
  files: readonly LocalFile[],
  round: Round,
): Promise<RoundOutcome> {
  const jobs = uploads.flatMap(({ position, requests }) =>
    requests.map((put) => ({ file: fileAt(files, position), position, put })),
  );
  const agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };
  const end: { cause: Error | null; advanced: boolean } = { cause: null, advanced: false };
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = end.cause === null ? jobs.shift() : undefined) {
      const step = await sendJob(job, agents, round);
      if (step.outcome === "done") end.advanced = true;
      else end.cause = step.cause;
    }
  };
  const workers = Array.from({ length: atOnce }, () =>
    work().catch((error: Error) => {
      end.cause = error; // so that the other worker begins nothing new
      throw error;
    }),
  );
  try {
    for (const worker of await Promise.allSettled(workers))
      if (worker.status === "rejected") throw worker.reason;
  } finally {
    agents.http.destroy();
    agents.https.destroy();
  }
  return end.cause === null
    ? { outcome: "done" }
    : { outcome: "sign_anew", advanced: end.advanced, cause: end.cause };
}

/** One PUT, again as long as the store is only busy. */
async function sendJob(
  job: Job,
  agents: { http: HttpAgent; https: HttpsAgent },
  round: Round,
): Promise<Step> {
  const { file, position, put } = job;
  for (let failures = 1; ; failures++) {
    round.progress.start(position, put.offset);
    const answer = await sendPart(put, file.path, {
      agent: put.url.startsWith("https:") ? agents.https : agents.http,
      fileBytes: file.declaration.sizeBytes,
      silenceMs: round.patience.silenceMs,
      onSent: (bytes) => round.progress.advance(position, put.offset, bytes),
      signal: round.signal,
    });
    round.signal?.throwIfAborted();
    if (answer.outcome === "sent" || answer.outcome === "exists") {
      round.progress.finish(position, put.offset, put.sizeBytes);
      return { outcome: "done" };
    }
    round.progress.start(position, put.offset);
    const again = await decide(answer, job, failures, round);
    if (again !== "again") return again;
  }
}

async function decide(
  answer: PutOutcome,
  { file, put }: Job,
  failures: number,
  round: Round,
): Promise<Step | "again"> {
  switch (answer.outcome) {
    case "sent":
    case "exists":
      return { outcome: "done" };
    case "lost":
      return { outcome: "sign_anew", cause: new Unreachable(new URL(put.url).origin, answer.cause) };
    case "expired":
      return { outcome: "sign_anew", cause: refusalOf(answer.status, answer.answer) };
    case "changed":
      throw changedFile(file.path);
    case "refused":
      throw await explainRefusal(refusalOf(answer.status, answer.answer), file, round.signal);
    case "conflict":
    case "busy": {
      const busy = answer.outcome === "busy" ? answer : { status: 409, retryAfterSeconds: null };
      const delayMs = waitAfter(round.patience, failures, busy.retryAfterSeconds);
      if (delayMs === null)
        throw await explainRefusal(refusalOf(busy.status, "", busy.retryAfterSeconds), file, round.signal);
      await round.patience.sleep(delayMs, round.signal);
      return "again";
    }
  }
}

/** Bytes that differ from their declaration are refused by the store; when the file itself differs, that is the reason. */
async function explainRefusal(
  refusal: ApiProblem,
  file: LocalFile,
  signal: AbortSignal | undefined,
): Promise<Error> {
  if (refusal.problem.status >= 500) return refusal;
  return (await isUnchanged(file, signal)) ? refusal : changedFile(file.path, refusal);
}

/** The store's refusal: problem details, the XML of S3, or nothing but a status. */
function refusalOf(status: number, answer: string, retryAfterSeconds: number | null = null): ApiProblem {
  const said = readAnswer(answer);
  const detail = said.detail ?? `The store answered a part of the upload with status ${status}.`;
  const retryable = status === 409 || status === 403 || status >= 500;
  const problem = { type: "about:blank", title: "Upload refused", status, detail, retryable, instance: "" };
  return new ApiProblem({ ...problem, code: said.code ?? "upload_refused" }, retryAfterSeconds);
}

function readAnswer(answer: string): { code?: string; detail?: string } {
  const message = /<Message>([^<]+)<\/Message>/.exec(answer)?.[1];
  if (message !== undefined) return { detail: message };
  try {
    const { code, detail } = Problem.parse(JSON.parse(answer));
    return { code, detail };
  } catch {
    return {};
  }
}

function fileAt(files: readonly LocalFile[], position: number): LocalFile {
  const file = files[position - 1];
  if (file === undefined)
    throw new LocalProblem(
      "unexpected_reply",
      `The server asks for page ${position}, which this upload has not.`,
    );
  return file;
}
