import { readdir, readFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { prepareDatabase, roleName, withClient } from "@strongroom/core/database/roles";
import type { Connection } from "@strongroom/core/ports/database";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type {} from "@strongroom/local/test-setup";
import { type Catalogue, contractions, readCatalogue } from "./catalogue.ts";

/** The first three made the database; nothing ran over it before them. */
const base = 3;
const directory = new URL("../../packages/core/src/database/migrations/", import.meta.url);

let names: string[];
let superuser: Connection;
let catalogues: Catalogue[];

async function apply(sql: string): Promise<void> {
  const owner = { ...superuser, options: `-c role=${roleName("owner")}` };
  await withClient(owner, (client) => client.query(sql));
}

beforeAll(async () => {
  const given = inject("postgres").superuser;
  superuser = { ...given, database: `strongroom_upgrade_${randomBytes(8).toString("hex")}` };
  await prepareDatabase(given, superuser.database);
  names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).toSorted();
  catalogues = [];
  for (const [index, name] of names.entries()) {
    await apply(await readFile(new URL(name, directory), "utf8"));
    if (index + 1 >= base) catalogues.push(await withClient(superuser, readCatalogue));
  }
}, 60_000);
afterAll(() =>
  withClient(inject("postgres").superuser, (client) =>
    client.query(`drop database if exists ${superuser.database} with (force)`),
  ),
);

describe("every migration since the first release", () => {
  it("only expands: the release before it goes on over the new schema", () => {
    const found = names
      .slice(base)
      .flatMap((name, index) =>
        contractions(catalogues[index]!, catalogues[index + 1]!).map((fault) => `${name}: ${fault}`),
      );
    expect(found).toEqual([]);
    expect(catalogues.length).toBeGreaterThan(2);
    expect(catalogues.at(-1)!.size).toBeGreaterThan(200);
  });
});

describe("a migration that would break the release before it is told from one that would not", () => {
  /** Applied, looked at from within, and taken back. */
  const told = (sql: string): Promise<string[]> =>
    withClient(superuser, async (client) => {
      await client.query("begin");
      await client.query(sql);
      const after = await readCatalogue(client);
      await client.query("rollback");
      return contractions(catalogues.at(-1)!, after);
    });
  it.each([
    ["drops a column", "alter table document drop column note"],
    ["renames one", "alter table document rename column note to remark"],
    ["changes its type", "alter table document alter column kind type varchar(20)"],
    ["makes it mandatory", "alter table document alter column load_number set not null"],
    ["takes its default away", "alter table document alter column review drop default"],
    ["adds a mandatory one without a default", "alter table worker add column zone text not null"],
    ["drops a table", "drop table device"],
    ["adds a check", "alter table document add check (size_bytes < 1000000000)"],
    ["adds a uniqueness", "create unique index one_load on document (tenant_id, load_number)"],
    ["drops a function", "drop function search_documents(text)"],
    ["takes a right away", "revoke update on document from strongroom_app"],
    ["takes a right on a column away", "revoke select (state) on document from strongroom_system"],
    ["drops a policy", "drop policy tenant on document"],
    ["forbids a step", "delete from document_transition where from_state = 'failed'"],
  ])("%s", async (_what, sql) => {
    expect(await told(sql)).not.toEqual([]);
  });

  it.each([
    ["a column that may be empty", "alter table document add column colour text"],
    ["one with a default", "alter table document add column colour text not null default 'blue'"],
    ["a table with checks of its own", "create table colour (name text primary key check (name <> ''))"],
    ["an index", "create index by_colour on document (tenant_id, kind)"],
    [
      "a function, a right, a step",
      `create function colour() returns text language sql as 'select ''blue''';
       grant delete on device to strongroom_app; insert into document_transition values ('archived', 'rejected')`,
    ],
    ["leave to be empty", "alter table document alter column request_sha256 drop not null"],
  ])("adds %s: fine", async (_what, sql) => {
    expect(await told(sql)).toEqual([]);
  });
});
