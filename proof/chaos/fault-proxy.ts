import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { pipeline, Transform } from "node:stream";
import type { Chance, ClientFault } from "../check/demands.ts";
import { type Chances, noChances, openChances } from "./chances.ts";

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

/** `blackhole`: connections stand, and nothing moves; `refuse`: all are reset. */
export type ProxyMode = "open" | "blackhole" | "refuse";

/** A TCP proxy on loopback that does to connections what networks do. */
export type FaultProxy = {
  port: number;
  /** How many of the connections that faults might strike each could have struck, and has: counted when it has, not when it is drawn. */
  chances: Partial<Record<ClientFault, Chance>>;
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

/** Resets that are drawn come after fewer bytes than these: of a connection with fewer, luck has a part in whether one is reached. */
export const resetWithin = { request: 60_000, answer: 400 };

type Options = { target: { host: string; port: number }; draw: () => Fault | null };
type Link = { client: Socket; server: Socket | null; held: boolean };

/** Starts a proxy on a free port of 127.0.0.1 that asks `draw` for the fault of each connection; null: none may strike it. */
export async function startFaultProxy({ target, draw }: Options): Promise<FaultProxy> {
  const links = new Set<Link>();
  const chances = openChances();
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
    const drawn = draw();
    const told = drawn === null ? noChances : chances.open();
    told.could("refuse");
    if (drawn?.kind === "refuse") {
      reset(link);
      return told.struck("refuse");
    }
    const control = { ...told, isHeld: () => mode === "blackhole", cut: () => reset(link) };
    join(link, target, drawn ?? { kind: "none" }, control);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    chances: chances.counted,
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

type Control = Chances & { isHeld: () => boolean; cut: () => void };
/** What came of a request so far; `seen` is kept only to be replayed. */
type Request = { bytes: number; seen: Buffer[] };

function join(link: Link, target: Options["target"], fault: Fault, control: Control): void {
  const server = connect({ ...target, allowHalfOpen: true, noDelay: true });
  link.server = server;
  server.on("error", () => {});
  const request: Request = { bytes: 0, seen: [] };
  const again = () => {
    if (request.bytes > replayLimitBytes) return;
    control.could("replay");
    if (fault.kind === "replay") replay(target, request.seen, () => control.struck("replay"));
  };
  pipeline(link.client, requestWay(fault, control, request), server, (error) => error && control.cut());
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

function requestWay(fault: Fault, control: Control, request: Request): Transform {
  return way(control, async (piece, on) => {
    request.bytes += piece.length;
    control.could("latency", "split");
    if (request.bytes >= resetWithin.request) control.could("reset request");
    if (fault.kind === "replay" && request.bytes <= replayLimitBytes) request.seen.push(piece);
    else request.seen.length = 0;
    if (fault.kind === "latency") {
      await sleep(fault.delayMs);
      control.struck("latency");
    }
    if (fault.kind === "split") {
      const pieces = await inPieces(piece, fault.pieceBytes, on);
      return pieces > 1 ? control.struck("split") : undefined;
    }
    if (fault.kind === "reset" && fault.side === "request" && request.bytes > fault.afterBytes) {
      control.cut();
      return control.struck("reset request");
    }
    on(piece);
  });
}

function answerWay(fault: Fault, control: Control, again: () => void): Transform {
  let total = 0;
  return way(control, (piece, on) => {
    if (total === 0) again();
    total += piece.length;
    control.could("drop-answer");
    if (total >= resetWithin.answer) control.could("reset answer");
    if (fault.kind === "drop-answer") {
      control.cut();
      return control.struck("drop-answer");
    }
    if (fault.kind === "reset" && fault.side === "answer" && total > fault.afterBytes) {
      control.cut();
      return control.struck("reset answer");
    }
    on(piece);
  });
}

/**
 * The first kilobyte in pieces, each in a packet of its own as far as the system allows, the rest as it came; answers how
 * many of the first kilobyte there were.
 */
async function inPieces(piece: Buffer, size: number, on: (piece: Buffer) => void): Promise<number> {
  const split = Math.min(piece.length, 1_024);
  let pieces = 0;
  for (let at = 0; at < split; at += size) {
    on(piece.subarray(at, Math.min(split, at + size)));
    pieces += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (piece.length > split) on(piece.subarray(split));
  return pieces;
}

function replay(target: Options["target"], seen: readonly Buffer[], onSent: () => void): void {
  const second = connect(target);
  second.on("error", () => {});
  second.setTimeout(replayMs, () => second.destroy());
  second.write(Buffer.concat(seen), (error) => error || onSent());
  second.resume();
}

const sleep = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));
