import { createHmac, timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { DocumentId, TenantId, UserId } from "../ids.ts";

/** What a ticket names: one artefact of one document for one person, until a moment (milliseconds since 1970). */
export const TicketFacts = z.strictObject({
  tenantId: TenantId,
  userId: UserId,
  documentId: DocumentId,
  artefact: z.string(),
  expiresAtMs: z.number().int(),
});
export type TicketFacts = z.infer<typeof TicketFacts>;

/** `facts.mac` in base64url, HMAC-SHA-256 under the deployment's ticket key: nothing is kept, nothing can be guessed. */
export function writeTicket(key: Uint8Array, facts: TicketFacts): string {
  const body = Buffer.from(JSON.stringify(facts)).toString("base64url");
  return `${body}.${mac(key, body).toString("base64url")}`;
}

/** The facts of a ticket that this deployment made and whose time is not over; null otherwise. */
export function openTicket(key: Uint8Array, ticket: string, nowMs: number): TicketFacts | null {
  const [body, seal, ...rest] = ticket.split(".");
  if (!body || !seal || rest.length > 0) return null;
  const given = Buffer.from(seal, "base64url");
  const expected = mac(key, body);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const facts = TicketFacts.parse(JSON.parse(Buffer.from(body, "base64url").toString()));
  return nowMs < facts.expiresAtMs ? facts : null;
}

const mac = (key: Uint8Array, body: string): Buffer =>
  createHmac("sha256", key).update(`strongroom-ticket-1.${body}`).digest();
