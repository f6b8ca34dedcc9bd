import { createHash, randomBytes } from "node:crypto";
import { migrate } from "@strongroom/core/database/migrate";
import { ensureRoles, prepareDatabase, roleName, withClient } from "@strongroom/core/database/roles";
import type { Connection, DatabaseRole } from "@strongroom/core/ports/database";
import type { TestProject } from "vitest/node";
import { testServer } from "./test-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: { superuser: Connection; passwords: Record<DatabaseRole, string>; template: string };
  }
}

/** Vitest's global setup: one PostgreSQL for the whole run (or `DATABASE_URL`, as superuser), and a migrated template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = process.env.DATABASE_URL;
  const server = url ? { superuser: connectionOf(new URL(url)), stop: async () => {} } : await testServer();
  try {
    const template = await makeTemplate(server.superuser);
    project.provide("postgres", {
      superuser: server.superuser,
      passwords: passwordsOf(server.superuser),
      template,
    });
    return async () => {
      await withClient(server.superuser, (client) =>
        client.query(`drop database if exists ${template} with (force)`),
      );
      await server.stop();
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function connectionOf(url: URL): Connection {
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    database: decodeURIComponent(url.pathname.slice(1)) || "postgres",
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

/** The same in every run, so that two runs on one server do not lock each other out. */
function passwordsOf(superuser: Connection): Record<DatabaseRole, string> {
  const of = (role: DatabaseRole) =>
    createHash("sha256").update(`${superuser.password}:${role}`).digest("base64url");
  return { owner: of("owner"), app: of("app"), system: of("system"), embedded: of("embedded") };
}

async function makeTemplate(superuser: Connection): Promise<string> {
  const template = `strongroom_template_${randomBytes(4).toString("hex")}`;
  const passwords = passwordsOf(superuser);
  await ensureRoles(superuser, passwords);
  await prepareDatabase(superuser, template);
  await migrate({ ...superuser, database: template, user: roleName("owner"), password: passwords.owner });
  return template;
}
