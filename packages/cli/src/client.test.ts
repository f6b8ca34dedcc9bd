import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient } from "./client.ts";
import { ApiProblem, LocalProblem, Unreachable } from "./problems.ts";
import { impatience } from "./stand-in-terminal.ts";
import { type StandIn, startStandInServer } from "./stand-in-server.ts";

let server: StandIn;
let patience: ReturnType<typeof impatience>;
beforeEach(async () => {
  server = await startStandInServer();
  patience = impatience();
});
afterEach(() => server.close());

const connected = (token = server.token) => createClient({ url: server.url, token, patience });

test("a reply comes checked against the contract", async () => {
  const me = await connected().call("showMe", {});
  expect(me).toMatchObject({ name: "Ana Ruiz", role: "driver" });
});

test("a busy server is asked again after the time it named", async () => {
  server.faults.api.showMe = [{ kind: "status", status: 503, headers: { "retry-after": "7" } }];
  const me = await connected().call("showMe", {});
  expect(me.name).toBe("Ana Ruiz");
  expect(patience.waitedMs).toEqual([7_125]);
});

test("what a server asks to try again later is tried again, whatever stands in its way", async () => {
  const problem = {
    ...{ type: "about:blank", title: "Conflict", status: 409, code: "no_receipt_yet" },
    ...{ detail: "Its receipt is being made. Ask again in a second.", instance: "" },
  };
  const told = (retryable: boolean) =>
    ({
      kind: "status",
      status: 409,
      headers: { "retry-after": "1" },
      body: JSON.stringify({ ...problem, retryable }),
    }) as const;
  server.faults.api.showMe = [told(true)];
  expect((await connected().call("showMe", {})).name).toBe("Ana Ruiz");
  expect(patience.waitedMs).toEqual([1_125]);
  server.faults.api.showMe = [told(false)];
  await expect(connected().call("showMe", {})).rejects.toMatchObject({ code: "no_receipt_yet" });
});

test("a server that wants a longer wait than 60 s is not waited for, and the person is told", async () => {
  server.faults.api.showMe = [{ kind: "status", status: 429, headers: { "retry-after": "61" } }];
  const failure = await connected()
    .call("showMe", {})
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ApiProblem);
  expect(failure).toMatchObject({ code: "http_429", retryAfterSeconds: 61 });
  expect(patience.waitedMs).toEqual([]);
});

test("a lost connection is tried six times in all, with growing waits, and then told", async () => {
  server.faults.api.showMe = Array.from({ length: 6 }, () => ({ kind: "cut", afterBytes: 0 }) as const);
  await expect(connected().call("showMe", {})).rejects.toBeInstanceOf(Unreachable);
  expect(server.requests).toHaveLength(6);
  expect(patience.waitedMs).toEqual([125, 250, 500, 1000, 2000]);
});

test("a server that has answered before is waited for while it starts anew, for a minute and a half", async () => {
  const client = connected();
  await client.call("showMe", {});
  server.faults.api.showMe = Array.from({ length: 11 }, () => ({ kind: "cut", afterBytes: 0 }) as const);
  await expect(client.call("showMe", {})).rejects.toBeInstanceOf(Unreachable);
  expect(patience.waitedMs).toHaveLength(10);
  expect(patience.waitedMs.reduce((sum, one) => sum + one)).toBe(91_875);
});

test("five lost connections in a row are healed by the sixth try", async () => {
  server.faults.api.showMe = Array.from({ length: 5 }, () => ({ kind: "cut", afterBytes: 0 }) as const);
  expect((await connected().call("showMe", {})).role).toBe("driver");
});

test("a refusal is told at once, with its code and its words", async () => {
  const failure = await connected("wrong")
    .call("showMe", {})
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "not_authenticated",
    detail: "Your token is not valid here.",
    retryable: false,
  });
  expect(server.requests).toHaveLength(1);
});

test("an answer without problem details still has a code", async () => {
  server.faults.api.showMe = [{ kind: "status", status: 418, body: "<html>" }];
  await expect(connected().call("showMe", {})).rejects.toMatchObject({ code: "http_418", retryable: false });
});

test("a redirect is not followed, so that the token goes nowhere else", async () => {
  server.faults.api.showMe = [
    { kind: "status", status: 302, headers: { location: `${server.url}/v1/receipt-keys` } },
  ];
  await expect(connected().call("showMe", {})).rejects.toMatchObject({ code: "http_302" });
  expect(server.requests).toEqual(["GET /v1/me"]);
});

test("an answer that is not the contract's is not believed", async () => {
  server.faults.api.showMe = [{ kind: "status", status: 200, body: '{"name":"Ana"}' }];
  const failure = await connected()
    .call("showMe", {})
    .catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(LocalProblem);
  expect(failure).toMatchObject({ code: "unexpected_reply" });
});

test("what has not changed costs no body", async () => {
  const first = await connected().callIfChanged("receiptKeys", {}, null);
  expect(first?.reply).toEqual({ keys: [] });
  expect(await connected().callIfChanged("receiptKeys", {}, first!.etag)).toBeNull();
});

test("a stopped command waits for nothing more", async () => {
  const stop = new AbortController();
  const reason = new Error("stopped");
  server.faults.api.showMe = [{ kind: "hold", onHeld: () => stop.abort(reason) }];
  await expect(connected().call("showMe", { signal: stop.signal })).rejects.toBe(reason);
});
