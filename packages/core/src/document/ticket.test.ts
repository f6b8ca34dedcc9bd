import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { systemIds } from "../ids.ts";
import { expect, it } from "vitest";
import { openTicket, TicketFacts, writeTicket } from "./ticket.ts";

const key = randomBytes(32);
const expiresAtMs = 1_900_000_000_000;
const facts = TicketFacts.parse({
  tenantId: randomUUID(),
  userId: randomUUID(),
  documentId: systemIds.uuid(),
  artefact: "original-1",
  expiresAtMs,
});
const ticket = writeTicket(key, facts);

it("a ticket says what it was written for, until its moment", () => {
  expect(openTicket(key, ticket, expiresAtMs - 1)).toEqual(facts);
  expect(openTicket(key, ticket, expiresAtMs)).toBeNull();
  expect(openTicket(key, ticket, expiresAtMs + 1)).toBeNull();
});

it("a ticket of another deployment's key does not open", () => {
  expect(openTicket(randomBytes(32), ticket, 0)).toBeNull();
});

it("a ticket with one letter changed anywhere does not open, or says the very same", () => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (let at = 0; at < ticket.length; at += 1) {
    const other = letters[(letters.indexOf(ticket[at]!) + 1) % 64]!;
    const opened = openTicket(key, ticket.slice(0, at) + other + ticket.slice(at + 1), 0);
    // The last letter of the seal carries bits that nobody reads.
    if (opened !== null) expect({ at, opened }).toEqual({ at: ticket.length - 1, opened: facts });
  }
});

it("a ticket whose facts were exchanged under its seal does not open", () => {
  const [body, seal] = ticket.split(".") as [string, string];
  const other = Buffer.from(JSON.stringify({ ...facts, artefact: "original-2" })).toString("base64url");
  expect(openTicket(key, `${other}.${seal}`, 0)).toBeNull();
  expect(openTicket(key, `${body}.${seal}.`, 0)).toBeNull();
  expect(
    openTicket(key, `${body}.${createHmac("sha256", key).update(body).digest("base64url")}`, 0),
  ).toBeNull();
});

it.each(["", ".", "a", "a.", ".a", "a.b", "a.b.c", "é.é", "\0.\0", `${"x".repeat(10_000)}.y`])(
  "%j is no ticket",
  (text) => {
    expect(openTicket(key, text, 0)).toBeNull();
  },
);
