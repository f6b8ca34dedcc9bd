import { systemIds } from "@strongroom/core/ids";
import { withClient } from "@strongroom/core/database/roles";
import { openIssuer } from "@strongroom/local/issuer";
import { call, type Driver, type Road } from "./driver.ts";
import { insist } from "./insist.ts";
import type { Installation } from "./installation.ts";
import type { Sizes } from "./sizes.ts";

/** Of seven drivers three have, beside a living phone, one that was thrown away: 30 % of all tokens. */
const phones = { drivers: 7, withDead: 3 };
const tokenHours = 24;

/** Who takes part: drivers, and of each tenant an agent, who sends nothing. */
export type Cast = { drivers: Driver[]; agents: Driver[] };

/** Puts tenants and their people into the database, as a directory would, and gives each of them a token. */
export async function castPeople(
  { superuser, dataDirectory, apiPort }: Pick<Installation, "superuser" | "dataDirectory" | "apiPort">,
  sizes: Sizes,
): Promise<Cast> {
  const url = `http://127.0.0.1:${apiPort}/issuer`;
  const issuer = await openIssuer({ dataDirectory, issuer: url, audience: "strongroom" });
  const tenants = Array.from({ length: sizes.tenants }, () => systemIds.uuid());
  const drivers = Array.from({ length: sizes.drivers }, (_, index) => ({
    tenantId: tenants[index % tenants.length]!,
    userId: systemIds.uuid(),
    role: "driver",
  }));
  const agents = tenants.map((tenantId) => ({ tenantId, userId: systemIds.uuid(), role: "agent" }));
  const people = [...drivers, ...agents];
  await withClient(superuser, async (client) => {
    for (const [index, tenant] of tenants.entries()) {
      await client.query("insert into tenant (id, name) values ($1, $2)", [tenant, `Haulier ${index}`]);
      await client.query(
        `insert into document_kind (tenant_id, name, title, retention_days)
         select distinct $1::uuid, name, title, retention_days from document_kind`,
        [tenant],
      );
    }
    for (const [index, { tenantId, userId, role }] of people.entries())
      await client.query("insert into app_user (tenant_id, id, name, role) values ($1, $2, $3, $4)", [
        tenantId,
        userId,
        `Person ${index}`,
        role,
      ]);
  });
  const known = await Promise.all(
    people.map(async ({ tenantId, userId }) => {
      const token = await issuer.issueToken({
        tenantId: tenantId as never,
        userId: userId as never,
        hours: tokenHours,
      });
      return { tenantId, userId, token, sent: [] };
    }),
  );
  return { drivers: known.slice(0, drivers.length), agents: known.slice(drivers.length) };
}

/** Registers each driver's phones; answers the push tokens of those that live. */
export async function registerPhones(
  road: Road,
  drivers: Driver[],
  installation: Installation,
): Promise<string[]> {
  const dead = drivers
    .filter((_, index) => index % phones.drivers < phones.withDead)
    .map(({ userId }) => `dead-${userId}`);
  await withClient(installation.superuser, async (client) => {
    for (const token of dead) {
      await client.query(
        "insert into embedded.push_token (token, unregistered_at) values ($1, clock_timestamp())",
        [token],
      );
      road.history.write({ what: "unregistered", token });
    }
  });
  await Promise.all(
    drivers.map(async (driver) => {
      const tokens = [`live-${driver.userId}`, `dead-${driver.userId}`];
      for (const token of tokens.filter((one) => one.startsWith("live") || dead.includes(one)))
        await register(road, driver, token);
    }),
  );
  return drivers.map(({ userId }) => `live-${userId}`);
}

async function register(road: Road, driver: Driver, pushToken: string): Promise<void> {
  const path = `/v1/me/devices/${systemIds.uuid()}`;
  const answer = await insist(road, () =>
    call(road, driver, "PUT", path, { platform: "android", pushToken }),
  );
  if (answer?.status !== 200) throw new Error(`a phone could not be registered: ${answer?.body.toString()}`);
  const { tenantId: tenant, userId: user } = driver;
  road.history.write({ what: "device", tenant, user, token: pushToken });
}
