import type { Fault, FaultKind } from "./fault-proxy.ts";

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

/** Of connections, by the kind of fault that strikes them. */
export const clientRates: Partial<Record<FaultKind, number>> = Object.fromEntries(
  [...Map.groupBy(shares, ([, draw]) => draw(() => 0).kind)].map(([kind, some]) => [
    kind,
    some.reduce((sum, [share]) => sum + share, 0) / 100,
  ]),
);

/** Draws faults for connections of clients while `isBad`, and counts each draw by its kind. */
export function openClientFaults(random: () => number, isBad: () => boolean) {
  const drawn: Partial<Record<FaultKind, number>> = {};
  const draw = (): Fault => {
    if (!isBad()) return { kind: "none" };
    const fault = drawClientFault(random);
    drawn[fault.kind] = (drawn[fault.kind] ?? 0) + 1;
    return fault;
  };
  return { draw, drawn };
}

/** Draws the fault of one connection. */
export function drawClientFault(random: () => number): Fault {
  let at = random() * 100;
  return shares.find(([share]) => (at -= share) < 0)?.[1](random) ?? { kind: "none" };
}
