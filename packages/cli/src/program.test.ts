import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSettings } from "./settings.ts";
import { type StandIn, startStandInServer } from "./stand-in-server.ts";
import { makeHome, runCommand } from "./stand-in-terminal.ts";

let server: StandIn;
let home: Awaited<ReturnType<typeof makeHome>>;
beforeEach(async () => {
  server = await startStandInServer();
  home = await makeHome();
});
afterEach(async () => {
  await server.close();
  await home.remove();
});

const run = (argv: string[], as: { url: string; token: string } | null = null, stdin = "") =>
  runCommand(argv, { home: home.path, as, stdin });

test("a login is checked, kept for its owner alone, and never shown", async () => {
  const { code, stdout, stderr } = await run(["login", "--url", `${server.url}/`], null, `${server.token}\n`);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: `You are Ana Ruiz (driver) at ${server.url}.\n`,
    stderr: "",
  });
  const path = join(home.path, ".config/strongroom/credentials.json");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ url: server.url, token: server.token });
  expect((await run(["status"])).code).toBe(0);
});

test("a token that the server does not know is not kept", async () => {
  const { code, stderr } = await run(["login", "--url", server.url, "--token", "wrong", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ status: 401, code: "not_authenticated" });
  expect(stderr).not.toContain("wrong");
  expect((await run(["status"])).stderr).toContain("You are not logged in");
});

test("a stored token goes to its own server only", async () => {
  await run(["login", "--url", server.url, "--token", server.token]);
  const { code, stderr } = await run(["status"], { url: "https://other.example", token: "" });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr:
      "There is no token for https://other.example. Run: strongroom login --url https://other.example\n",
  });
});

test.each([
  "http://docs.example.com",
  "ftp://x",
  "nonsense",
  "https://ana:secret@docs.example.com",
  "http://127.0.0.1.example.com",
])("%s is no server to send a token to", async (url) => {
  expect((await run(["login", "--url", url, "--token", "t"])).code).toBe(2);
});

test("a server that cannot be reached ends with 3, and says so while it tries", async () => {
  const gone = { url: server.url, token: "t" };
  await server.close();
  const { code, stderr } = await run(["status"], gone);
  server = await startStandInServer();
  expect(code).toBe(3);
  expect(stderr).toContain("cannot be reached (ECONNREFUSED). Trying again in 125 ms.");
  expect(stderr).toMatch(/Check the address and the network, then run this again\.\n$/);
});

test("a server that stays busy ends with 3 as well", async () => {
  server.faults.api.listDocuments = Array.from(
    { length: 6 },
    () => ({ kind: "status", status: 503 }) as const,
  );
  const { code, stderr } = await run(["status", "--json"], server);
  expect(code).toBe(3);
  expect(JSON.parse(stderr)).toMatchObject({ status: 503, code: "http_503", retryable: true });
});

test.each([
  [[]],
  [["dance"]],
  [["status", "--state", "lost"]],
  [["status", "0198f1c2-7b2a-7cc3-9d4e-111111111111", "--kind", "cmr"]],
  [["status", "--follow", "--json"]],
  [["upload"]],
  [["upload", "a.jpg"]],
  [["upload", "nowhere.jpg", "--kind", "cmr"]],
  [["upload", "--resume", "0198f1c2-7b2a-7cc3-9d4e-111111111111"]],
  [["read"]],
  [["read", "0198f1c2-7b2a-7cc3-9d4e-111111111111", "--all", "x", "-o", "y"]],
  [["verify"]],
  [["login"]],
  [["erase", "0198f1c2-7b2a-7cc3-9d4e-111111111111"]],
  [["hold", "0198f1c2-7b2a-7cc3-9d4e-111111111111"]],
  [["hold", "0198f1c2-7b2a-7cc3-9d4e-111111111111", "--reason", "because"]],
  [["hold", "0198f1c2-7b2a-7cc3-9d4e-111111111111", "--reason", "claim", "--reference", "of Mr. Smith"]],
  [["hold", "0198f1c2-7b2a-7cc3-9d4e-111111111111", "--reason", "claim", "--until", "tomorrow"]],
  [
    [
      "hold",
      "0198f1c2-7b2a-7cc3-9d4e-111111111111",
      "--reason",
      "closed",
      "--lift",
      "--until",
      "2027-01-01T00:00:00Z",
    ],
  ],
  [["audit"]],
  [["audit", "export"]],
  [["audit", "verify"]],
])("%j is not understood: exit code 2 and a reason, for machines too", async (argv) => {
  const plain = await run(argv, server);
  expect(plain).toMatchObject({ code: 2, stdout: "" });
  if (!argv.includes("--json")) expect(plain.stderr).toMatch(/^(?!error)[^\n]{20,}\n$/);
  const { code, stderr } = await run([...argv, "--json"], server);
  expect(code).toBe(2);
  expect(JSON.parse(stderr)).toMatchObject({ type: "about:blank", code: "usage", retryable: false });
  expect(server.requests).toEqual([]);
});

test.each([
  [["dance"], "strongroom --help"],
  [["audit"], "strongroom audit --help"],
  [["audit", "export"], "strongroom audit export --help"],
  [["hold", "0198f1c2-7b2a-7cc3-9d4e-111111111111"], "strongroom hold --help"],
  [["status", "--state", "lost"], "strongroom status --help"],
  [["erase", "--jes"], "strongroom erase --help"],
  [["read"], "strongroom read --help"],
])("%j points at the help of its command", async (argv, help) => {
  const { stderr } = await run(argv, server);
  expect(stderr).toMatch(new RegExp(`See: ${help}\\n$`));
});

test.each([
  [["status", "zzz"]],
  [["trace", "zzz"]],
  [["read", "zzz"]],
  [["redrive", "zzz"]],
  [["hold", "zzz", "--reason", "claim"]],
  [["erase", "zzz", "--yes"]],
  [["upload", "page.jpg", "--kind", "cmr", "--replaces", "zzz"]],
])("%j: what is no id of a document is refused without asking the server", async (argv) => {
  expect(await run(argv, server)).toEqual({
    code: 2,
    stdout: "",
    stderr: "zzz is not an id of a document.\n",
  });
  expect(server.requests).toEqual([]);
});

test("help is an answer, with examples", async () => {
  for (const name of ["login", "upload", "status", "read", "verify", "trace", "hold", "erase", "audit"]) {
    const { code, stdout } = await run([name, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Examples:\n  strongroom ${name}`);
  }
  expect((await run(["--help"])).stdout).toContain("Exit codes:");
});

test("damaged credentials are said to be so", async () => {
  await mkdir(join(home.path, ".config/strongroom"), { recursive: true });
  await home.file(".config/strongroom/credentials.json", "{");
  const { code, stderr } = await run(["status", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ code: "credentials_unreadable" });
});

test("the XDG directories are followed when they are absolute", () => {
  const settings = readSettings({ XDG_CONFIG_HOME: "/etc/me", XDG_STATE_HOME: "relative" }, "/home/me");
  expect(settings.credentialsPath).toBe("/etc/me/strongroom/credentials.json");
  expect(settings.uploadsDirectory).toBe("/home/me/.local/state/strongroom/uploads");
});
