import { withClient } from "@strongroom/core/database/roles";
import { TenantId, UserId } from "@strongroom/core/ids";
import type { Connection } from "@strongroom/core/ports/database";
import type { Role } from "@strongroom/core/user/user";

/** A person of a new installation: somebody to try it as. */
export type SeededPerson = { tenantId: TenantId; tenant: string; userId: UserId; name: string; role: Role };

const tenants = [
  { id: TenantId.parse("6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e01"), name: "Nordfracht" },
  { id: TenantId.parse("b82f4e90-51c7-4f6a-8a13-7d2e9c604f02"), name: "Alpentrans" },
] as const;

const person = (
  tenant: (typeof tenants)[number],
  userId: string,
  name: string,
  role: Role,
): SeededPerson => ({
  tenantId: tenant.id,
  tenant: tenant.name,
  userId: UserId.parse(userId),
  name,
  role,
});

/** Two tenants with a driver or two, an agent and an admin each. */
export const seededPeople: readonly SeededPerson[] = [
  person(tenants[0], "0d5f6a11-8a54-4d3e-a1f0-31c9d2b7e501", "Dora Lind", "driver"),
  person(tenants[0], "0d5f6a11-8a54-4d3e-a1f0-31c9d2b7e502", "Emil Berg", "driver"),
  person(tenants[0], "0d5f6a11-8a54-4d3e-a1f0-31c9d2b7e503", "Agnes Holm", "agent"),
  person(tenants[0], "0d5f6a11-8a54-4d3e-a1f0-31c9d2b7e504", "Arne Dahl", "admin"),
  person(tenants[1], "7c3e9b22-46d1-4b8f-b2a7-52e0f4c81601", "Franz Huber", "driver"),
  person(tenants[1], "7c3e9b22-46d1-4b8f-b2a7-52e0f4c81602", "Greta Moser", "agent"),
  person(tenants[1], "7c3e9b22-46d1-4b8f-b2a7-52e0f4c81603", "Hans Gruber", "admin"),
];

/** Kinds of documents that every seeded tenant takes; retention in days. */
const kinds = [
  ["proof-of-delivery", "Proof of delivery", 3_650],
  ["bill-of-lading", "Bill of lading", 3_650],
  ["cmr", "CMR consignment note", 3_650],
  ["invoice", "Invoice", 3_650],
  ["receipt", "Receipt", 3_650],
  ["licence", "Driving licence", 1_095],
  ["other", "Other document", 1_095],
] as const;

/** Puts the people and kinds into a new database, all or none; one that has a tenant already is left as it is. */
export async function seed(owner: Connection): Promise<void> {
  await withClient(owner, async (client) => {
    await client.query("begin");
    await client.query("select pg_advisory_xact_lock(hashtextextended('strongroom.seed', 0))");
    const { rowCount } = await client.query("select from tenant limit 1");
    if (rowCount === 0) await plant(client);
    await client.query("commit"); // a fault ends the session, and with it the transaction
  });
}

async function plant(client: Parameters<Parameters<typeof withClient>[1]>[0]): Promise<void> {
  for (const { id, name } of tenants) {
    await client.query("insert into tenant (id, name) values ($1, $2)", [id, name]);
    for (const kind of kinds) {
      await client.query(
        "insert into document_kind (tenant_id, name, title, retention_days) values ($1, $2, $3, $4)",
        [id, ...kind],
      );
    }
  }
  for (const { tenantId, userId, name, role } of seededPeople) {
    await client.query("insert into app_user (tenant_id, id, name, role) values ($1, $2, $3, $4)", [
      tenantId,
      userId,
      name,
      role,
    ]);
  }
}
