import { type Fault, resetWithin } from "./fault-proxy.ts";

/** What happens to connections of clients, in percent; the rest passes unharmed. What is demanded of it stands apart, in `demands-of.ts`. */
const shares: [number, (random: () => number) => Fault][] = [
  [3, () => ({ kind: "refuse" })],
  [4, (random) => resetOf("request", random)],
  [3, (random) => resetOf("answer", random)],
  [4, (random) => ({ kind: "latency", delayMs: Math.floor(random() * 200) })],
  [3, () => ({ kind: "drop-answer" })],
  [5, () => ({ kind: "replay" })],
  [3, (random) => ({ kind: "split", pieceBytes: 1 + Math.floor(random() * 40) })],
];

const resetOf = (side: "request" | "answer", random: () => number): Fault => {
  return { kind: "reset", side, afterBytes: Math.floor(random() * resetWithin[side]) };
};

/** Draws the fault of one connection. */
export function drawClientFault(random: () => number): Fault {
  let at = random() * 100;
  return shares.find(([share]) => (at -= share) < 0)?.[1](random) ?? { kind: "none" };
}
