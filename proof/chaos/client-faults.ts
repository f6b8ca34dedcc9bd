import type { Fault } from "./fault-proxy.ts";

/** What happens to connections of clients, in percent; the rest passes unharmed. */
const shares: [number, (random: () => number) => Fault][] = [
  [3, () => ({ kind: "refuse" })],
  [4, (random) => ({ kind: "reset", side: "request", afterBytes: Math.floor(random() * 60_000) })],
  [3, (random) => ({ kind: "reset", side: "answer", afterBytes: Math.floor(random() * 400) })],
  [4, (random) => ({ kind: "latency", delayMs: Math.floor(random() * 200) })],
  [3, () => ({ kind: "drop-answer" })],
  [5, () => ({ kind: "replay" })],
  [3, (random) => ({ kind: "split", pieceBytes: 1 + Math.floor(random() * 40) })],
];

/** Draws the fault of one connection. */
export function drawClientFault(random: () => number): Fault {
  let at = random() * 100;
  return shares.find(([share]) => (at -= share) < 0)?.[1](random) ?? { kind: "none" };
}
