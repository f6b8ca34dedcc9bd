import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { pipeline, Transform } from "node:stream";

/** What happens to one connection; bytes count from its beginning, in the direction that is named. */
export type Fault =
  | { kind: "none" }
  /** Reset at once. */
  | { kind: "refuse" }
  | { kind: "reset"; side: "request" | "answer"; afterBytes: number }
  /** Each piece of the request waits so long. */
  | { kind: "latency"; delayMs: number }
  /** The server gets all and acts; of its answer nothing comes back. */
  | { kind: "drop-answer" }
  /** Once the answer begins, the same bytes go to the server again, and that answer is thrown away. */
  | { kind: "replay" }
  | { kind: "split"; pieceBytes: number };
export type FaultKind = Fault["kind"];

/** `blackhole`: connections stand, and nothing moves; `refuse`: all are reset. */
export type ProxyMode = "open" | "blackhole" | "refuse";

/** A TCP proxy on loopback that does to connections what networks do. */
export type FaultProxy = {
  port: number;
  /** Connections by the fault that was drawn for them. */
  counts: Map<FaultKind, number>;
  /** Holds for all connections, those that stand and those to come; whoever was held is reset when it ends. */
  setMode(mode: ProxyMode): void;
  /** Resets those of the standing connections that the numbers choose; answers how many. */
  cut(share: number, random: () => number): number;
  close(): Promise<void>;
};

/** A request that is replayed is remembered up to this size; a larger one passes once. */
const replayLimitBytes = 1024 * 1024;
/** A replayed request that is not answered by then is given up. */
const replayMs = 5_000;

type Options = { target: { host: string; port: number }; draw: () => Fault };
type Link = { client: Socket; server: Socket | null; held: boolean };

/** Starts a proxy on a free port of 127.0.0.1 that asks `draw` for the fault of each connection. */
export async function startFaultProxy({ target, draw }: Options): Promise<FaultProxy> {
  const links = new Set<Link>();
  const counts = new Map<FaultKind, number>();
  let mode: ProxyMode = "open";
  const reset = (link: Link) => {
    links.delete(link);
    link.client.resetAndDestroy();
    link.server?.resetAndDestroy();
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on("error", () => {});
    const link: Link = { client, server: null, held: false };
    links.add(link);
    client.once("close", () => links.delete(link));
    if (mode === "refuse") return reset(link);
    if (mode === "blackhole") return void (link.held = true);
    const fault = draw();
    counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
    if (fault.kind === "refuse") return reset(link);
    join(link, target, fault, { isHeld: () => mode === "blackhole", cut: () => reset(link) });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    setMode(next) {
      const leavesHole = mode === "blackhole" && next !== "blackhole";
      mode = next;
      if (leavesHole || next === "refuse") for (const link of [...links]) reset(link);
      if (next === "blackhole") for (const link of links) link.held = true;
    },
    cut(share, random) {
      const chosen = [...links].filter(() => random() < share);
      for (const link of chosen) reset(link);
      return chosen.length;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const link of [...links]) reset(link);
      await closed;
    },
  };
}

type Control = { isHeld: () => boolean; cut: () => void };

function join(link: Link, target: Options["target"], fault: Fault, control: Control): void {
  const server = connect({ ...target, allowHalfOpen: true, noDelay: true });
  link.server = server;
  server.on("error", () => {});
  const seen: Buffer[] = [];
  const again = () => fault.kind === "replay" && replay(target, seen);
  pipeline(link.client, requestWay(fault, control, seen), server, (error) => error && control.cut());
  pipeline(server, answerWay(fault, control, again), link.client, (error) => error && control.cut());
}

/** Passes pieces on one after the other; one that is held is never passed on, and its connection ends with the hole. */
function way(
  { isHeld }: Control,
  pass: (piece: Buffer, on: (piece: Buffer) => void) => Promise<void> | void,
) {
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      if (isHeld()) return;
      void Promise.resolve(pass(piece, (bytes) => void this.push(bytes))).then(() => done(), done);
    },
  });
}

function requestWay(fault: Fault, control: Control, seen: Buffer[]): Transform {
  let total = 0;
  return way(control, async (piece, on) => {
    total += piece.length;
    if (fault.kind === "replay" && total <= replayLimitBytes) seen.push(piece);
    else seen.length = 0;
    if (fault.kind === "latency") await sleep(fault.delayMs);
    if (fault.kind === "split") return await inPieces(piece, fault.pieceBytes, on);
    if (fault.kind === "reset" && fault.side === "request" && total > fault.afterBytes) return control.cut();
    on(piece);
  });
}

function answerWay(fault: Fault, control: Control, again: () => void): Transform {
  let total = 0;
  return way(control, (piece, on) => {
    if (total === 0) again();
    total += piece.length;
    if (fault.kind === "drop-answer") return control.cut();
    if (fault.kind === "reset" && fault.side === "answer" && total > fault.afterBytes) return control.cut();
    on(piece);
  });
}

/** The first kilobyte in pieces, each in a packet of its own as far as the system allows; the rest as it came. */
async function inPieces(piece: Buffer, size: number, on: (piece: Buffer) => void): Promise<void> {
  const split = Math.min(piece.length, 1_024);
  for (let at = 0; at < split; at += size) {
    on(piece.subarray(at, Math.min(split, at + size)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (piece.length > split) on(piece.subarray(split));
}

function replay(target: Options["target"], seen: readonly Buffer[]): void {
  if (seen.length === 0) return;
  const second = connect(target);
  second.on("error", () => {});
  second.setTimeout(replayMs, () => second.destroy());
  second.write(Buffer.concat(seen));
  second.resume();
}

const sleep = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));
