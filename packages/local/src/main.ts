import { resolve } from "node:path";
import { Refusal } from "@strongroom/core/errors";
import { jsonLog } from "@strongroom/core/log";
import { seededPeople } from "./seed.ts";
import { type RunningSystem, startSystem } from "./system.ts";

const defaultPort = 7010;
/** How long the printed tokens work. */
const tokenHours = 12;

async function main(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort(signal));
  const system = await startSystem({
    dataDirectory: resolve(process.env.STRONGROOM_DATA ?? "data"),
    port: Number(process.env.STRONGROOM_PORT ?? defaultPort),
    databaseUrl: process.env.DATABASE_URL ?? null,
    log: jsonLog({ process: "local" }),
    environment: { ...(process.env.STRONGROOM_JOBS && { STRONGROOM_JOBS: process.env.STRONGROOM_JOBS }), ...(process.env.STRONGROOM_TIME_DIVISOR && { STRONGROOM_TIME_DIVISOR: process.env.STRONGROOM_TIME_DIVISOR }) },
  });
  process.stdout.write(await greeting(system));
  if (!stop.signal.aborted) await new Promise((heard) => stop.signal.addEventListener("abort", heard, { once: true }));
  process.stdout.write("\nStopping: finishing what is in hand …\n");
  await system.stop();
  process.stdout.write("Stopped. Nothing is lost; start again with npm start.\n");
}

async function greeting({ url, dataDirectory, issuer }: RunningSystem): Promise<string> {
  const people = await Promise.all(
    seededPeople.map(async (person) => {
      const token = await issuer.issueToken({ tenantId: person.tenantId, userId: person.userId, role: person.role, hours: tokenHours });
      return `  ${person.role.padEnd(7)} ${person.name} (${person.tenant})\n          ${token}\n`;
    }),
  );
  return [
    `\nStrongroom is running.\n\n`,
    `  API      ${url}          (contract: ${url}/openapi.json)\n`,
    `  Health   ${url}/health\n`,
    `  Data     ${dataDirectory}\n`,
    `  Root key ${dataDirectory}/keys/root.key   keep a copy in a safe place: without it no document opens\n\n`,
    `People to try it as, with tokens that work for ${tokenHours} hours:\n`,
    ...people,
    `\nTry:  npm run --silent strongroom -- login --url ${url} --token <token>\n`,
    `      npm run --silent strongroom -- upload photo.jpg --kind proof-of-delivery --wait\n\n`,
    `Ctrl-C stops it.\n`,
  ].join("");
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
