import { asOwner } from "@strongroom/local/test-documents";
import { newDocumentId, type TestWorld, testWorld } from "@strongroom/local/test-world";
import * as fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withClient } from "../database/roles.ts";
import {
  canMove,
  type DocumentState,
  documentStates,
  liveStates,
  settledStates,
  transitions,
} from "./document.ts";

let world: TestWorld;
beforeAll(async () => (world = await testWorld()));
afterAll(() => world.close());

const asOwnerClient = <T>(work: (client: pg.Client) => Promise<T>) =>
  withClient(world.database.connections.owner, work);
const refused = "SR001";

async function insert(client: pg.Client, state: DocumentState): Promise<string> {
  const id = newDocumentId();
  await client.query(
    `insert into document (tenant_id, id, owner_id, kind, state, reason, request_sha256, content_sha256, size_bytes, grant_expires_at)
     values ($1, $2, $3, 'cmr', $4, 'test', '', '', 1, now())`,
    [world.dora.tenantId, id, world.dora.userId, state],
  );
  return id;
}

/** Moves a document; the code of the database's refusal, or null when it let it pass. */
async function move(client: pg.Client, id: string, state: DocumentState): Promise<string | null> {
  return await client.query("update document set state = $2 where id = $1", [id, state]).then(
    () => null,
    (error: { code: string }) => error.code,
  );
}

/** A document in a state, whatever the way there: the guard is off for this one statement. */
async function insertAt(client: pg.Client, state: DocumentState): Promise<string> {
  const id = await insert(client, "granted");
  await client.query("alter table document disable trigger check_transition");
  await client.query("update document set state = $2 where id = $1", [id, state]);
  await client.query("alter table document enable trigger check_transition");
  return id;
}

describe("the state graph", () => {
  it("stands in the database edge for edge", async () => {
    const rows = await asOwner<{ edge: string }>(
      world,
      "select from_state || ' → ' || to_state as edge from document_transition",
    );
    const edges = documentStates.flatMap((from) => transitions[from].map((to) => `${from} → ${to}`));
    expect(rows.map(({ edge }) => edge).toSorted()).toEqual(edges.toSorted());
  });

  it("is kept by the database for every pair of states: an edge passes, anything else is refused", async () => {
    await asOwnerClient(async (client) => {
      for (const from of documentStates) {
        for (const to of documentStates) {
          const id = await insertAt(client, from);
          const allowed = canMove(from, to) || from === to; // to stay where it is, is no move
          expect(await move(client, id, to), `${from} → ${to}`).toBe(allowed ? null : refused);
        }
      }
    });
  });

  it("is kept on every walk: code and database agree at each step", async () => {
    await asOwnerClient(async (client) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...documentStates), { maxLength: 12 }), async (goals) => {
          const id = await insert(client, "granted");
          let state: DocumentState = "granted";
          for (const goal of goals) {
            const allowed = canMove(state, goal) || state === goal;
            expect(await move(client, id, goal), `${state} → ${goal}`).toBe(allowed ? null : refused);
            if (allowed) state = goal;
          }
          const { rows } = await client.query("select state from document where id = $1", [id]);
          expect(rows).toEqual([{ state }]);
        }),
        { numRuns: 60 },
      );
    });
  });

  it.each(documentStates.filter((state) => state !== "granted"))(
    "has no way that begins at %s: every document is announced first",
    async (state) => {
      await asOwnerClient(async (client) => {
        await expect(insert(client, state)).rejects.toMatchObject({ code: refused });
      });
    },
  );

  it("lets every state be reached, and leads nowhere from erased", () => {
    const reached = new Set<DocumentState>(["granted"]);
    for (const state of reached) for (const next of transitions[state]) reached.add(next);
    expect([...reached].toSorted()).toEqual([...documentStates].toSorted());
    expect(transitions.erased).toEqual([]);
  });

  it("lets everything be erased but what a worker holds", () => {
    const others = documentStates.filter((state) => state !== "processing" && state !== "erased");
    expect(documentStates.filter((state) => canMove(state, "erased"))).toEqual(others);
  });
});

describe("the database besides", () => {
  it("refuses a lease on anything but a document in work, and a failure or rejection without a reason", async () => {
    await asOwnerClient(async (client) => {
      const id = await insert(client, "granted");
      const violated = { code: "23514" };
      await expect(
        client.query("update document set lease_until = now() where id = $1", [id]),
      ).rejects.toMatchObject(violated);
      await client.query("update document set state = 'received', reason = null where id = $1", [id]);
      await client.query("update document set state = 'processing' where id = $1", [id]);
      for (const state of ["failed", "rejected"]) {
        await expect(
          client.query("update document set state = $2 where id = $1", [id, state]),
        ).rejects.toMatchObject(violated);
      }
    });
  });
});

it("what is settled is not waited for, and what counts as on file is never failed, rejected or erased", () => {
  expect(documentStates.filter((state) => !(settledStates as readonly string[]).includes(state))).toEqual([
    "granted",
    "expired",
    "received",
    "processing",
  ]);
  expect(
    liveStates.filter((state) =>
      (["failed", "rejected", "erased", "granted", "expired"] as string[]).includes(state),
    ),
  ).toEqual([]);
});
