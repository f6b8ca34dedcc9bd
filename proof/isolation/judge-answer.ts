import type { Answer } from "./ask.ts";
import type { Operation } from "./described-operation.ts";

/** What an answer must never hold: traces of the code, of SQL, of files. */
const traces = /\bat \S+ \(|node_modules|\.ts:\d+|node:internal|relation "|syntax error at|\/packages\//;

/** What is wrong with an answer to an operation, told by the document alone; empty when nothing is. */
export function judgeAnswer(operation: Operation, answer: Answer): string[] {
  const text = answer.body.toString();
  const faults = answer.status >= 400 ? judgeProblem(operation, answer) : judgeReply(operation, answer);
  if (operation.name !== "readDocument" && traces.test(text)) faults.push("shows a trace of the code");
  if (answer.headers["x-content-type-options"] !== "nosniff") faults.push("lets browsers guess its type");
  return faults.map((fault) => `${operation.name} ${answer.status}: ${fault}`);
}

function judgeProblem({ replies }: Operation, { status, headers, body }: Answer): string[] {
  const { contentType, schema } = replies["default"]!;
  if (headers["content-type"] !== contentType) return [`is of type ${headers["content-type"]}`];
  const problem = parse(body) as { status?: number; type?: string; code?: string };
  const parsed = schema!.safeParse(problem);
  const checks: [boolean, string][] = [
    [parsed.success, `is no problem: ${parsed.error?.message}`],
    [problem.status === status, `names the status ${problem.status}`],
    [problem.type === `urn:strongroom:problem:${problem.code}`, `has the type ${problem.type}`],
    [/^[a-z]+(_[a-z]+)*$/.test(problem.code ?? ""), `has the code ${problem.code}`],
    [status < 500, "is a fault of ours"],
  ];
  return checks.flatMap(([holds, fault]) => (holds ? [] : [fault]));
}

function judgeReply({ replies }: Operation, { status, headers, body }: Answer): string[] {
  const reply = replies[status];
  if (!reply) return ["has a status that the document does not name"];
  if (reply.contentType === null) return body.length > 0 ? ["has a body where none is promised"] : [];
  if (!reply.schema) return [];
  if (headers["content-type"] !== reply.contentType) return [`is of type ${headers["content-type"]}`];
  const parsed = reply.schema.safeParse(parse(body));
  return parsed.success ? [] : [`does not fit its schema: ${parsed.error.message}`];
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return {};
  }
}
