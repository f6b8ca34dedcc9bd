/** What must have been tried of every upload that nobody may make; `more` is what was tried besides. */
export const hostileFamilies = [
  "after expiry",
  "after cleanup",
  "twice",
  "other bytes",
  "size",
  "type",
  "checksum",
  "key",
  "tenant",
] as const;
export type HostileFamily = (typeof hostileFamilies)[number] | "more";

/** Steps of an attempt at which a processor is made to stand still, as by SIGSTOP, for longer than its lease. */
export const standingPoints = [
  "at claim",
  "decoded",
  "key made",
  "put started",
  "put done",
  "before commit",
  "before ack",
] as const;
export type StandingPoint = (typeof standingPoints)[number];

/** What a run set out to do, and must have done to show what it is to show. */
export type Demands = {
  /** Whether the attackers came at the end. */
  attacks: boolean;
  /** Processors that stood still for longer than their lease, while another took over what they had in hand. */
  stops: number;
  /** Relays that were killed between publish and mark. */
  relayKills: number;
};
