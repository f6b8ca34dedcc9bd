import { seededPeople } from "./seed.ts";
import type { RunningSystem } from "./system.ts";

/** How long the printed tokens work. */
const tokenHours = 12;

type Greeted = Pick<RunningSystem, "url" | "dataDirectory" | "issuer">;

/** What a start says: where everything is, and who one may be. `logsToFile`: the log of this process goes to a file too. */
export async function greet(
  { url, dataDirectory, issuer }: Greeted,
  { logsToFile }: { logsToFile: boolean },
): Promise<string> {
  const people = await Promise.all(
    seededPeople.map(async (person) => {
      const token = await issuer.issueToken({
        tenantId: person.tenantId,
        userId: person.userId,
        role: person.role,
        hours: tokenHours,
      });
      return `  ${person.role.padEnd(7)} ${person.name} (${person.tenant})\n          ${token}\n`;
    }),
  );
  const logs = logsToFile ? "local.log, workers.log" : "workers.log; this process writes to standard error";
  return [
    `\nStrongroom is running.\n\n`,
    `  API      ${url}          (contract: ${url}/openapi.json)\n`,
    `  Health   ${url}/health\n`,
    `  Data     ${dataDirectory}          (logs: ${logs})\n`,
    `  Keys     ${dataDirectory}/keys   keep a copy in a safe place, anew after each new key: without it no document opens\n\n`,
    `People to try it as, with tokens that work for ${tokenHours} hours:\n`,
    ...people,
    `\nTry:  npm run --silent strongroom -- login --url ${url} --token <token>\n`,
    `      npm run --silent strongroom -- upload photo.jpg --kind proof-of-delivery --wait\n\n`,
    `Ctrl-C stops it.\n`,
  ].join("");
}
