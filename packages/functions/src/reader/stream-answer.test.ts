import { Readable, Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { HttpAnswer, HttpEvent } from "../gateway.ts";
import { streamAnswer } from "./stream-answer.ts";

/** Lambda's stream, as far as a client sees it: status and headers, bytes, and whether it came to a clean end. */
class Seen extends Writable {
  metadata: unknown = null;
  bytes = "";
  hasEnded = false;
  override _write(chunk: Buffer, _encoding: string, done: () => void) {
    this.bytes += chunk.toString();
    done();
  }
  override _final(done: () => void) {
    this.hasEnded = true;
    done();
  }
}

async function invoke(body: HttpAnswer["body"]): Promise<{ seen: Seen; error: Error | null }> {
  const seen = new Seen();
  const lambda: Parameters<typeof streamAnswer>[1] = {
    streamifyResponse: (handler) => (event, context) => handler(event, seen, context!) as never,
    HttpResponseStream: { from: (out, metadata) => Object.assign(out, { metadata }) },
  };
  const handler = streamAnswer(async () => ({ statusCode: 200, headers: { a: "b" }, body }), lambda);
  const error = await handler({} as HttpEvent).then(
    () => null,
    (fault: Error) => fault,
  );
  return { seen, error };
}

describe("on AWS Lambda", () => {
  test.each<[string, HttpAnswer["body"], string]>([
    ["text", "problem", "problem"],
    ["bytes", Buffer.from("bytes"), "bytes"],
    ["a stream", Readable.from([Buffer.from("one "), Buffer.from("two")]), "one two"],
    ["nothing", "", ""],
  ])("%s is sent behind status and headers, to a clean end", async (_what, body, bytes) => {
    const { seen, error } = await invoke(body);
    expect(error).toBeNull();
    expect(seen).toMatchObject({ metadata: { statusCode: 200, headers: { a: "b" } }, bytes, hasEnded: true });
  });

  test("a stream that fails never ends cleanly, and the invocation fails", async () => {
    const broken = async function* () {
      yield Buffer.from("first frame");
      throw new Error("frame 2 does not authenticate");
    };
    const { seen, error } = await invoke(Readable.from(broken()));
    expect(error?.message).toBe("frame 2 does not authenticate");
    expect(seen).toMatchObject({ hasEnded: false, destroyed: true });
  });
});

test.each([undefined, {}])(
  "elsewhere, whatever bears the name of Lambda's scope (%j), the handler stays as it is",
  (scope) => {
    const handler = async () => ({ statusCode: 200, headers: {}, body: "" });
    Object.assign(globalThis, { awslambda: scope });
    expect(streamAnswer(handler)).toBe(handler);
    Reflect.deleteProperty(globalThis, "awslambda");
  },
);
