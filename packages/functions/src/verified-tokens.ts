import { createHash } from "node:crypto";
import type { Caller } from "./authenticate.ts";

/** How long a token is believed without a look at its signature: as long as a role is. */
const believedMs = 60_000;
/** Tokens that are remembered; of more, the oldest are looked at again. */
const most = 10_000;

/**
 * Tokens whose signature and claims held a moment ago. A signature costs a quarter of a short request (our measurement), and
 * a phone sends the same token each time. Digests are kept, never tokens; nothing is remembered of a token that failed.
 */
export class VerifiedTokens {
  readonly #callers = new Map<string, { caller: Caller; untilMs: number }>();

  /** The caller of a token that was verified within the last minute and has not expired since; null for any other. */
  find(token: string, nowMs: number): Caller | null {
    const found = this.#callers.get(digest(token));
    return found !== undefined && nowMs < found.untilMs ? found.caller : null;
  }

  /** Remembers a token that was just verified; `expiresAtMs` is its own end. */
  add(token: string, caller: Caller, { nowMs, expiresAtMs }: { nowMs: number; expiresAtMs: number }): void {
    const key = digest(token);
    this.#callers.delete(key); // so that it is the youngest
    this.#callers.set(key, { caller, untilMs: Math.min(nowMs + believedMs, expiresAtMs) });
    if (this.#callers.size <= most) return;
    for (const oldest of this.#callers.keys()) return void this.#callers.delete(oldest);
  }
}

const digest = (token: string): string => createHash("sha256").update(token).digest("base64");
