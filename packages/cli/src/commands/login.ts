import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Command } from "commander";
import { createClient } from "../client.ts";
import { UsageProblem } from "../problems.ts";
import { checkServerUrl, storeLogin } from "../settings.ts";
import { answer, clientManners, type World } from "../world.ts";

const help = `
Examples:
  strongroom login --url https://docs.example.com              asks for the token
  strongroom login --url https://docs.example.com < token.txt

The token is checked, kept in ~/.config/strongroom/credentials.json for you alone, and never shown.
Prefer standard input to --token: other people on this machine can see command lines.`;

/** `strongroom login`: checks a token with the server and keeps both. */
export function loginCommand(world: World): Command {
  return new Command("login")
    .description("Say which server is yours, and prove who you are")
    .requiredOption("--url <url>", "address of the server")
    .option("--token <token>", "access token; without it, it is read from standard input")
    .addHelpText("after", help)
    .action((options: { url: string; token?: string }) => login(world, options));
}

async function login(world: World, options: { url: string; token?: string }): Promise<void> {
  const url = checkServerUrl(options.url);
  const token = (options.token ?? (await readToken(world))).trim();
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new UsageProblem("That is not a token: give it with --token, or on standard input.");
  const client = createClient({ url, token, ...clientManners(world) });
  const me = await client.call("showMe", { signal: world.signal });
  await storeLogin(world.settings, { url, token });
  answer(world, { url, me }, [`You are ${me.name} (${me.role}) at ${url}.`]);
}

/** The token from a pipe, or typed by a person without being shown. */
async function readToken(world: World): Promise<string> {
  if (world.stdin.isTTY !== true) {
    const pieces: Buffer[] = [];
    for await (const piece of world.stdin) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces).toString();
  }
  world.stderr.write("Token (it is not shown): ");
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  const lines = createInterface({ input: world.stdin, output: nowhere, terminal: true });
  try {
    return await new Promise((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(""));
      lines.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
      world.signal.addEventListener("abort", () => reject(world.signal.reason as Error), { once: true });
    });
  } finally {
    lines.close();
    world.stderr.write("\n");
  }
}
