import { isIPv6 } from "node:net";
import { openTicket } from "@strongroom/core/document/ticket";
import { Refusal } from "@strongroom/core/errors";
import type { Ports } from "@strongroom/core/ports/ports";
import type { Actor } from "@strongroom/core/user/user";

/**
 * Requests per window. A phone that polls every two seconds makes 30 a minute, a program that sends for a whole yard
 * 1,000; a tenant may be 25 people at their own limit; an address may be a whole carrier behind one NAT. A reader is a person who
 * uses tickets: each is one of the person's requests, so that whoever takes one for each read is refused there first.
 */
export const rateLimits = {
  windowMs: 60_000,
  person: 1_200,
  reader: 1_200,
  tenant: 30_000,
  address: 3_000,
} as const;

type Scope = Exclude<keyof typeof rateLimits, "windowMs">;

/** How much of a limit is left, as the answer's headers tell. */
export type Rate = { scope: Scope; remaining: number; resetSeconds: number };

/** The one refusal of a spent limit; `rate` still goes into the headers. */
export class RateRefusal extends Refusal {
  readonly rate: Rate;

  constructor(rate: Rate) {
    const detail = `Too many requests in a minute from this ${rate.scope}. Wait ${rate.resetSeconds} seconds.`;
    super("rate_limited", detail, { status: 429, retryAfterSeconds: rate.resetSeconds });
    this.rate = rate;
  }
}

/** Counts one request of an address; throws a RateRefusal above the limit. IPv6 counts by /64, which is one customer. */
export async function limitAddress(ports: Pick<Ports, "cache" | "clock">, address: string): Promise<Rate> {
  return await count(ports, "address", isIPv6(address) ? networkOf(address) : address);
}

/** Counts one request of a person, then of their tenant, whose limit no refused one spends; throws a RateRefusal when either is spent. */
export async function limitPerson(
  ports: Pick<Ports, "cache" | "clock">,
  { tenantId, userId }: Actor,
): Promise<Rate> {
  const person = await count(ports, "person", `${tenantId}:${userId}`);
  await count(ports, "tenant", tenantId);
  return person;
}

/**
 * Counts one read by ticket, which tells who reads; throws a RateRefusal above the limit. One that is not valid is nobody's, and
 * whoever comes with it is counted by address alone.
 */
export async function limitReader(
  ports: Pick<Ports, "cache" | "clock" | "config">,
  ticket: string,
): Promise<void> {
  const facts = openTicket(ports.config.secrets.ticketKey, ticket, ports.clock.now().getTime());
  if (facts) await count(ports, "reader", `${facts.tenantId}:${facts.userId}`);
}

/** `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers. */
export function rateHeaders({ scope, remaining, resetSeconds }: Rate): Record<string, string> {
  return {
    "ratelimit-policy": `"${scope}";q=${rateLimits[scope]};w=${rateLimits.windowMs / 1_000}`,
    ratelimit: `"${scope}";r=${remaining};t=${resetSeconds}`,
  };
}

/**
 * A fixed window in the cache. Two processes that count at the same moment may count once, and a cache that is down counts
 * nothing: this wards off floods, it is no meter.
 */
async function count(
  { cache, clock }: Pick<Ports, "cache" | "clock">,
  scope: Scope,
  id: string,
): Promise<Rate> {
  const { windowMs, [scope]: limit } = rateLimits;
  const now = clock.now().getTime();
  const leftMs = windowMs - (now % windowMs);
  const key = `rate:${scope}:${id}:${Math.floor(now / windowMs)}`;
  const used = Number((await cache.get(key)) ?? 0) + 1;
  const rate = { scope, remaining: Math.max(0, limit - used), resetSeconds: Math.ceil(leftMs / 1_000) };
  if (used > limit) throw new RateRefusal(rate);
  await cache.set(key, String(used), leftMs);
  return rate;
}

/** The first four groups of an IPv6 address, zeros written out. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
