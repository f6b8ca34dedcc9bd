import type { withClient } from "@strongroom/core/database/roles";
import { checkAudit, type Evidence, openCheckpoint, type TrailRow } from "../check/check-audit.ts";

/** A connection to a database, as its superuser. */
export type Client = Parameters<Parameters<typeof withClient>[1]>[0];

/** What lies outside of the database, where its superuser cannot come: signed checkpoints, and the published keys. */
export type Locked = Pick<Evidence, "checkpoints" | "jwks">;

type AuditColumns = {
  tenant_id: string;
  entry_id: string;
  at: Date;
  actor: string;
  action: string;
  subject: string;
  detail: unknown;
  sequence: string | null;
  previous_hash: string | null;
  hash: string | null;
};

/** Every audit row of a database, as its superuser shows it. */
export async function readRows(client: Client): Promise<TrailRow[]> {
  const { rows } = await client.query<AuditColumns>("select * from audit order by tenant_id, sequence");
  return rows.map((row) => ({
    sequence: row.sequence === null ? null : Number(row.sequence),
    previousHash: row.previous_hash,
    hash: row.hash,
    entry: {
      tenantId: row.tenant_id,
      id: row.entry_id,
      at: row.at.toISOString(),
      actor: row.actor,
      action: row.action,
      subject: row.subject,
      detail: row.detail,
    },
  }));
}

/**
 * What an auditor finds who has a dump of the three tables, the checkpoints from their locked place, and the keys: trails that
 * do not hold, heads that are not the last entry, checkpoint rows that are not the signed ones.
 */
export async function findTampering(client: Client, locked: Locked): Promise<string[]> {
  const rows = await readRows(client);
  const heads = await client.query<{ tenant_id: string; sequence: string; hash: string }>(
    "select * from audit_head",
  );
  const copies = await client.query<{ sequence: string; at: Date; sha256: string; jws: string }>(
    "select * from audit_checkpoint order by sequence",
  );
  return [
    ...checkAudit({ rows, ...locked }).faults,
    ...headFaults(rows, heads.rows),
    ...copyFaults(copies.rows, locked),
  ];
}

function headFaults(
  rows: TrailRow[],
  heads: { tenant_id: string; sequence: string; hash: string }[],
): string[] {
  const lasts = new Map<string, string>();
  for (const { sequence, hash, entry } of rows)
    if (sequence !== null) lasts.set(entry.tenantId, `${sequence} ${hash}`);
  const stated = new Map(heads.map(({ tenant_id, sequence, hash }) => [tenant_id, `${sequence} ${hash}`]));
  const tenants = new Set([...lasts.keys(), ...stated.keys()]);
  return [...tenants]
    .filter((tenant) => lasts.get(tenant) !== stated.get(tenant))
    .map((tenant) => `the head of ${tenant} is not its last entry`);
}

function copyFaults(
  copies: { sequence: string; at: Date; sha256: string; jws: string }[],
  { checkpoints, jwks }: Locked,
): string[] {
  const copyOf = (jws: string) => {
    const signed = openCheckpoint(jws, jwks);
    return typeof signed === "string" ? "" : `${signed.sequence} ${signed.at} ${signed.sha256} ${jws}`;
  };
  const there = copies.map(
    ({ sequence, at, sha256, jws }) => `${sequence} ${at.toISOString()} ${sha256} ${jws}`,
  );
  return checkpoints
    .filter((jws) => !there.includes(copyOf(jws)))
    .map(() => "a checkpoint's row is not the signed one");
}
