import { appendFileSync } from "node:fs";
import net from "node:net";

/** Loaded before everything in every process of a rehearsal: what is not on this machine cannot be reached, and the attempt is written down. */
const loopback = /^(127\.|::1$|localhost$)/;
// oxlint-disable-next-line typescript/unbound-method -- called below with the socket that it belongs to
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (this: net.Socket, ...given: unknown[]) {
  const [first] = (Array.isArray(given[0]) ? given[0] : given) as [
    { host?: string; port?: number; path?: string } | undefined,
  ];
  const host = typeof first === "object" ? first.host : undefined;
  if (typeof first === "object" && first.path === undefined && host !== undefined && !loopback.test(host)) {
    appendFileSync(process.env["STRONGROOM_REHEARSAL_ATTEMPTS"]!, `${host}:${first.port}\n`);
    queueMicrotask(() => this.destroy(new Error(`the rehearsal has no network: ${host}`)));
    return this;
  }
  return Reflect.apply(connect, this, given) as net.Socket;
} as typeof connect;
