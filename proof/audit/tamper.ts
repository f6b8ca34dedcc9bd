import { hashOf, type TrailRow } from "../check/check-audit.ts";
import { type Client, readRows } from "./read-evidence.ts";

/** One thing that a superuser does to the audit; `kind` groups the counts. */
export type Tampering = { kind: string; title: string; apply(client: Client): Promise<void> };
/** `lastProven`: the sequence at which the last checkpoint saw each tenant. */
type Scene = { rows: TrailRow[]; lastProven: Map<string, number>; random: () => number };

/**
 * `audit.id` numbers rows as they came and is in no hash: order is what `sequence` says. Nobody reads it but the timeline of a
 * document, which is a view.
 */
export const unproven = ["audit.id"];

/** As many tamperings as are asked for, all kinds in turn, each at a place that the random numbers choose. */
export async function* tamperings(client: Client, scene: Scene, count: number): AsyncGenerator<Tampering> {
  const makers = [
    ...(await columnEdits(client)),
    takenOut,
    takenOutRange,
    tenantGone,
    swapped,
    exchanged,
    cut,
    forgedEdit,
    forgedCut,
    forgedInsert,
  ];
  for (let n = 0; n < count; n += 1) yield makers[n % makers.length]!(scene);
}

type Maker = (scene: Scene) => Tampering;
const pick = <T>(things: readonly T[], random: () => number): T =>
  things[Math.floor(random() * things.length)]!;

/** An entry that the last checkpoint vouches for. */
const provenRow = ({ rows, lastProven, random }: Scene): TrailRow =>
  pick(
    rows.filter(
      ({ sequence, entry }) => sequence !== null && sequence <= (lastProven.get(entry.tenantId) ?? 0),
    ),
    random,
  );
const at = ({ sequence, entry }: TrailRow) => [entry.tenantId, sequence] as const;

/** One edit for each column of the three tables, whatever columns there are: one that no hash covers turns this red. */
async function columnEdits(client: Client): Promise<Maker[]> {
  const { rows } = await client.query<{ table: string; column: string; type: string }>(
    `select table_name as table, column_name as column, data_type as type from information_schema.columns
     where table_schema = 'public' and table_name in ('audit', 'audit_head', 'audit_checkpoint') order by 1, 2`,
  );
  return rows
    .filter(({ table, column }) => !unproven.includes(`${table}.${column}`))
    .map(
      ({ table, column, type }) =>
        (scene: Scene) =>
          edit(scene, table, column, otherValue(column, type)),
    );
}

/** SQL of a value of this type that is another one than the column has. */
function otherValue(column: string, type: string): string {
  const values: Record<string, string> = {
    uuid: "gen_random_uuid()",
    text: `left(${column}, -1) || case when right(${column}, 1) = 'a' then 'b' else 'a' end`,
    jsonb: `${column} || '{"added": true}'`,
    bigint: `${column} + 100000`,
    "timestamp with time zone": `${column} + interval '1 millisecond'`,
  };
  const value = values[type];
  if (!value) throw new Error(`nothing is known of how to edit ${type}: teach tamper.ts`);
  return value;
}

function edit(scene: Scene, table: string, column: string, value: string): Tampering {
  const row = provenRow(scene);
  const [where, values] =
    table === "audit"
      ? ["tenant_id = $1 and sequence = $2", [...at(row)]]
      : table === "audit_head"
        ? ["tenant_id = $1", [row.entry.tenantId]]
        : ["sequence = (select max(sequence) from audit_checkpoint)", []];
  return {
    kind: `edit of ${table}.${column}`,
    title: `${table}.${column} set to ${value} ${values.join(" ")}`,
    apply: async (client) =>
      expectRows(client, `update ${table} set ${column} = ${value} where ${where}`, values),
  };
}

/** A tampering that touches nothing would be found by nobody, and prove nothing. */
async function expectRows(client: Client, sql: string, values: unknown[] = []): Promise<void> {
  const { rowCount } = await client.query(sql, values);
  if (!rowCount) throw new Error(`this changed no row: ${sql}`);
}

function takenOut(scene: Scene): Tampering {
  const row = provenRow(scene);
  return {
    kind: "one entry taken out",
    title: `without ${at(row).join(" ")}`,
    apply: (client) =>
      expectRows(client, "delete from audit where tenant_id = $1 and sequence = $2", [...at(row)]),
  };
}

function takenOutRange(scene: Scene): Tampering {
  const [tenant, from] = at(provenRow(scene));
  const to = from! + 1 + Math.floor(scene.random() * 20);
  return {
    kind: "a run of entries taken out",
    title: `without ${tenant} ${from} to ${to}`,
    apply: (client) =>
      expectRows(client, "delete from audit where tenant_id = $1 and sequence between $2 and $3", [
        tenant,
        from,
        to,
      ]),
  };
}

function tenantGone(scene: Scene): Tampering {
  const { tenantId } = provenRow(scene).entry;
  return {
    kind: "a tenant's whole trail taken out",
    title: `without ${tenantId}`,
    apply: async (client) => {
      await expectRows(client, "delete from audit where tenant_id = $1", [tenantId]);
      await expectRows(client, "delete from audit_head where tenant_id = $1", [tenantId]);
    },
  };
}

function pair(scene: Scene): [TrailRow, TrailRow] {
  const one = provenRow(scene);
  const others = scene.rows.filter(
    (row) => row.entry.tenantId === one.entry.tenantId && row.sequence !== one.sequence,
  );
  return [one, pick(others, scene.random)];
}

function swapped(scene: Scene): Tampering {
  const [one, other] = pair(scene);
  return {
    kind: "two entries in each other's place",
    title: `${one.entry.tenantId}: ${one.sequence} and ${other.sequence} change places, with their hashes`,
    apply: (client) =>
      expectRows(
        client,
        `update audit a set sequence = b.sequence, previous_hash = b.previous_hash, hash = b.hash from audit b
         where a.tenant_id = $1 and b.tenant_id = $1 and (a.sequence, b.sequence) in (($2, $3), ($3, $2))`,
        [one.entry.tenantId, one.sequence, other.sequence],
      ),
  };
}

function exchanged(scene: Scene): Tampering {
  const [one, other] = pair(scene);
  return {
    kind: "the times of two entries exchanged",
    title: `${one.entry.tenantId}: ${one.sequence} and ${other.sequence}`,
    apply: (client) =>
      expectRows(
        client,
        `update audit a set at = b.at, entry_id = b.entry_id from audit b
         where a.tenant_id = $1 and b.tenant_id = $1 and (a.sequence, b.sequence) in (($2, $3), ($3, $2))`,
        [one.entry.tenantId, one.sequence, other.sequence],
      ),
  };
}

function cut(scene: Scene): Tampering {
  const [tenant, from] = at(provenRow(scene));
  return {
    kind: "a tail cut off before the last checkpoint, head and all",
    title: `${tenant} from ${from}`,
    apply: (client) => rewrite(client, tenant, (trail) => trail.filter(({ sequence }) => sequence! < from!)),
  };
}

function forgedEdit(scene: Scene): Tampering {
  const [tenant, place] = at(provenRow(scene));
  return {
    kind: "an edit, and every hash after it made anew",
    title: `${tenant} ${place}`,
    apply: (client) =>
      rewrite(client, tenant, (trail) =>
        trail.map((row) =>
          row.sequence === place ? { ...row, entry: { ...row.entry, actor: "user:nobody" } } : row,
        ),
      ),
  };
}

function forgedCut(scene: Scene): Tampering {
  const [tenant, place] = at(provenRow(scene));
  return {
    kind: "an entry taken out, and the rest numbered and hashed anew",
    title: `${tenant} ${place}`,
    apply: (client) => rewrite(client, tenant, (trail) => trail.filter(({ sequence }) => sequence !== place)),
  };
}

function forgedInsert(scene: Scene): Tampering {
  const row = provenRow(scene);
  const [tenant, place] = at(row);
  const extra = { ...row, entry: { ...row.entry, id: crypto.randomUUID(), subject: "something else" } };
  return {
    kind: "an entry slipped in, and the rest numbered and hashed anew",
    title: `${tenant} ${place}`,
    apply: (client) =>
      rewrite(client, tenant, (trail) =>
        trail.flatMap((one) => (one.sequence === place ? [extra, one] : [one])),
      ),
  };
}

/** A tenant's trail replaced by another one that holds in itself, with its head: what someone does who knows the format. */
async function rewrite(
  client: Client,
  tenant: string,
  change: (trail: TrailRow[]) => TrailRow[],
): Promise<void> {
  const trail = (await readRows(client)).filter(
    ({ entry, sequence }) => entry.tenantId === tenant && sequence !== null,
  );
  let previousHash = "0".repeat(64);
  const forged = change(trail).map(({ entry }, index) => {
    const row: TrailRow = { sequence: index + 1, previousHash, hash: null, entry };
    previousHash = hashOf(row);
    return {
      ...entry,
      tenant_id: tenant,
      entry_id: entry.id,
      sequence: row.sequence,
      previous_hash: row.previousHash,
      hash: previousHash,
    };
  });
  await expectRows(client, "delete from audit where tenant_id = $1", [tenant]);
  await client.query(
    `insert into audit (tenant_id, entry_id, at, actor, action, subject, detail, sequence, previous_hash, hash)
     select tenant_id, entry_id, at, actor, action, subject, detail, sequence, previous_hash, hash
     from jsonb_to_recordset($1::jsonb) as r (tenant_id uuid, entry_id uuid, at timestamptz, actor text, action text,
       subject text, detail jsonb, sequence bigint, previous_hash text, hash text)`,
    [JSON.stringify(forged)],
  );
  await expectRows(client, "update audit_head set sequence = $2, hash = $3 where tenant_id = $1", [
    tenant,
    forged.length,
    previousHash,
  ]);
}
