import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import * as z from "zod";
import { LocalProblem, UsageProblem } from "./problems.ts";
import { writePrivateFile } from "./private-file.ts";

/** Where this command keeps things, and what the environment says. */
export type Settings = {
  credentialsPath: string;
  uploadsDirectory: string;
  /** STRONGROOM_URL and STRONGROOM_TOKEN; they go before what `strongroom login` stored. */
  url: string | null;
  token: string | null;
};

/** A server and the token for it. */
export type Login = { url: string; token: string };

const Credentials = z.object({ url: z.string(), token: z.string().min(1) });

/** Reads the environment, following the XDG base directories (a relative one counts as not set). */
export function readSettings(environment: Record<string, string | undefined>, home: string): Settings {
  const directory = (name: string, fallback: string) => {
    const given = environment[name];
    return join(given !== undefined && isAbsolute(given) ? given : join(home, fallback), "strongroom");
  };
  const url = environment["STRONGROOM_URL"];
  return {
    credentialsPath: join(directory("XDG_CONFIG_HOME", ".config"), "credentials.json"),
    uploadsDirectory: join(directory("XDG_STATE_HOME", ".local/state"), "uploads"),
    url: url ? checkServerUrl(url) : null,
    token: environment["STRONGROOM_TOKEN"] || null,
  };
}

/**
 * The base URL of a server without a trailing slash. Throws when it is none, and for `http:` to another machine: the
 * token and the pages would travel in plain sight.
 */
export function checkServerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol))
    throw new UsageProblem(`${text} is not the URL of a server.`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new UsageProblem("Give the server's URL without name, password, query or fragment.");
  }
  const here =
    url.hostname === "localhost" || url.hostname === "[::1]" || /^127(\.\d+){3}$/.test(url.hostname);
  if (url.protocol === "http:" && !here) {
    throw new UsageProblem(
      `${url.origin} is not encrypted, so your token could be read on the way. Use https.`,
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** Server and token to use. A stored token goes to the server that it was stored for, and to no other. */
export async function findLogin(settings: Settings): Promise<Login> {
  const stored = settings.url !== null && settings.token !== null ? null : await readCredentials(settings);
  const url = settings.url ?? stored?.url;
  const token = settings.token ?? (stored?.url === url ? stored?.token : undefined);
  if (url === undefined)
    throw new UsageProblem("You are not logged in. Run: strongroom login --url https://your.server");
  if (token === undefined)
    throw new UsageProblem(`There is no token for ${url}. Run: strongroom login --url ${url}`);
  return { url, token };
}

/** The server to ask for what anybody may see; null when none is known. */
export async function findServer(settings: Settings): Promise<string | null> {
  return settings.url ?? (await readCredentials(settings))?.url ?? null;
}

/** Stores server and token, readable by their owner alone. */
export async function storeLogin(settings: Settings, login: Login): Promise<void> {
  await writePrivateFile(settings.credentialsPath, `${JSON.stringify(login, null, 2)}\n`);
}

async function readCredentials({ credentialsPath }: Settings): Promise<Login | null> {
  try {
    return Credentials.parse(JSON.parse(await readFile(credentialsPath, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    const message = `${credentialsPath} cannot be read. Run strongroom login again.`;
    throw new LocalProblem("credentials_unreadable", message, { cause: error });
  }
}
