import { randomUUID } from "node:crypto";
import { systemClock } from "@strongroom/core/clock";
import { type TenantId, UserId } from "@strongroom/core/ids";
import { jsonLog } from "@strongroom/core/log";
import { type Actor, roles } from "@strongroom/core/user/user";
import { handlers } from "@strongroom/functions/handlers";
import { usePorts } from "@strongroom/functions/ports";
import { createHttpServer } from "@strongroom/local/http";
import { type Issuer, openIssuer } from "@strongroom/local/issuer";
import { query } from "@strongroom/local/test-pipeline";
import { type TestWorld, testWorld } from "@strongroom/local/test-world";
import { type Answer, openClient, type Sent } from "./ask.ts";
import { inTurn } from "./in-turn.ts";
import { type Operation, readOperations } from "./described-operation.ts";

/** Somebody who calls; `who` names them in findings (`agent`, `colleague`, `disabled`). */
export type Person = Actor & { who: string; token: string };

/** The whole API over HTTP with all of its ports, and two tenants with a person for each role. */
export type IsolationWorld = {
  world: TestWorld;
  operations: Operation[];
  /** For each tenant: one person per role, a second driver (`colleague`), and one who was switched off (`disabled`). */
  ours: Person[];
  theirs: Person[];
  /** As it comes; nobody's token unless one is given. */
  ask(sent: Sent): Promise<Answer>;
  lines: string[];
  close(): Promise<void>;
};

/** Opens it on a database and a directory of its own; every handler of this process uses its ports. */
export async function openIsolationWorld(): Promise<IsolationWorld> {
  const world = await testWorld();
  const lines: string[] = [];
  const log = jsonLog({}, (line) => void lines.push(line));
  const { http, url, issuer } = await serve(world, log);
  const auth = { ...world.config.auth, issuer: `${url}/issuer` };
  usePorts({ ...world.ports, log, config: { ...world.ports.config, publicUrl: url, auth } });
  const client = openClient(url);
  const { body } = await client.ask({ method: "GET", path: "/openapi.json" });
  const ours = await addPeople(world, issuer, world.dora.tenantId);
  // Ids are unique within a tenant only: a look-up that forgets the tenant makes our driver their admin.
  const twin = { who: "admin", userId: ours.find(({ who }) => who === "driver")!.userId };
  return {
    world,
    lines,
    operations: readOperations(JSON.parse(body.toString())),
    ours,
    theirs: await addPeople(world, issuer, world.franz.tenantId, twin),
    ask: (sent) => askPatiently(client.ask, sent),
    close: async () => {
      client.close();
      await http.close({ graceMs: 0 });
      await world.close();
    },
  };
}

/** A loaded machine says 503 and when to come again; what is still refused after that is an answer. */
async function askPatiently(ask: (sent: Sent) => Promise<Answer>, sent: Sent): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await ask(sent);
    if (answer.status !== 503 || tries === 10) return answer;
    await systemClock.sleep(250);
  }
}

/** The issuer's name holds the port, which is known once the server listens. */
async function serve({ directory, config }: TestWorld, log: ReturnType<typeof jsonLog>) {
  const late: { issuer: Issuer | null } = { issuer: null };
  const mount = {
    prefix: "/issuer/",
    handle: (...args: Parameters<Issuer["mount"]["handle"]>) => late.issuer!.mount.handle(...args),
  };
  const http = createHttpServer({ handlers, mounts: [mount], log });
  const { url } = await http.listen({ port: 0 });
  const { audience } = config.auth;
  const issuer = await openIssuer({ dataDirectory: directory, issuer: `${url}/issuer`, audience });
  late.issuer = issuer;
  return { http, url, issuer };
}

async function addPeople(
  world: TestWorld,
  issuer: Issuer,
  tenantId: TenantId,
  twin?: { who: string; userId: UserId },
): Promise<Person[]> {
  const people = [...roles.map((role) => ({ who: role as string, role })), ...drivers];
  return await inTurn(people, async ({ who, role }) => {
    const userId = who === twin?.who ? twin.userId : UserId.parse(randomUUID());
    const disabledAt = who === "disabled" ? new Date() : null;
    await query(
      world,
      "insert into app_user (tenant_id, id, name, role, disabled_at) values ($1, $2, $3, $4, $5)",
      [tenantId, userId, who, role, disabledAt],
    );
    return { who, tenantId, userId, role, token: await issuer.issueToken({ tenantId, userId, hours: 1 }) };
  });
}

const drivers = [
  { who: "colleague", role: "driver" },
  { who: "disabled", role: "driver" },
] as const;
