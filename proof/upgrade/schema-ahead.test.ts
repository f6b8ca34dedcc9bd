import type { Client } from "@strongroom/cli/client";
import { withClient } from "@strongroom/core/database/roles";
import { findFaults } from "@strongroom/local/test-invariants";
import { startWhole, untilQuiet, type WholeSystem } from "@strongroom/local/test-whole";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultsOf, keepKeys, store } from "../restore/machine.ts";
import { contractions, readCatalogue } from "./catalogue.ts";

/** What the next release's migration may bring, and this release knows nothing of. */
const nextMigration = `
  alter table document add column colour text, add column shade text not null default 'none';
  alter table document_file add column taken_at timestamptz;
  alter table artefact add column tier text default 'hot';
  alter table outbox add column priority int not null default 0;
  alter table audit add column channel text;
  alter table receipt add column format int not null default 1;
  create index document_by_colour on document (tenant_id, colour);
  create table document_tag (
    tenant_id uuid not null, document_id uuid not null, tag text not null check (tag <> ''),
    primary key (tenant_id, document_id, tag),
    foreign key (tenant_id, document_id) references document (tenant_id, id)
  );
  alter table document_tag enable row level security;
  alter table document_tag force row level security;
  create policy tenant on document_tag to strongroom_app using (tenant_id = current_tenant());
  insert into document_transition values ('stored', 'quarantined'), ('quarantined', 'stored');
  create function colour_of(id uuid) returns text language sql stable as 'select null::text'`;

let system: WholeSystem;
let home: string;
let dora: Client;
beforeAll(async () => {
  system = await startWhole();
  home = system.directory;
  dora = await system.clientOf("Dora Lind");
  await keepKeys(dora, home);
}, 60_000);
afterAll(() => system.close());

describe("a release over the schema of the next one", () => {
  it("goes on with what was on its way when the schema moved on, and does all its work thereafter", async () => {
    const before = await store(dora, home, [300_000]);
    const moving = Promise.all([1, 2].map(() => store(dora, home, [300_000, 310_000])));
    await withClient(system.superuser, async (client) => {
      const catalogue = await readCatalogue(client);
      await client.query(`begin; set local role strongroom_owner; ${nextMigration}; commit`);
      expect(contractions(catalogue, await readCatalogue(client))).toEqual([]);
    });
    const orders = [before, ...(await moving), await store(dora, home, [17 * 1024 * 1024])];
    await untilQuiet(system.superuser); // receipts are signed a moment after the documents are stored
    for (const order of orders) expect(await faultsOf(dora, order, home)).toEqual([]);

    const admin = await system.clientOf("Arne Dahl");
    const [held, erased] = [orders[0]!.id, orders[1]!.id];
    const hold = { held: true, reason: "claim" } as const;
    await admin.call("holdDocument", { params: { id: held }, body: hold });
    await expect(admin.call("eraseDocument", { params: { id: held } })).rejects.toMatchObject({
      code: "held",
    });
    await admin.call("eraseDocument", { params: { id: erased } });
    const edited = await dora.call("editDocument", { params: { id: held }, body: { note: "late" } });
    expect(edited.document.note).toBe("late");
    const { documents } = await dora.call("listDocuments", { query: { limit: 100 } });
    expect(documents).toHaveLength(orders.length - 1);
    await untilQuiet(system.superuser);
    expect(
      (await findFaults(system.superuser, system.directory)).filter((one) => !one.includes(erased)),
    ).toEqual([]);
  }, 120_000);
});
