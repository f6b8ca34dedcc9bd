import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { RouteName } from "@strongroom/core/api";
import { Refusal } from "@strongroom/core/errors";
import type { Ports } from "@strongroom/core/ports/ports";
import type { HttpEvent } from "./gateway.ts";

/** Whoever asks a cell how it is (Route 53, alarms) goes around the entry on purpose. */
const open: ReadonlySet<RouteName> = new Set(["showReady", "showHealth"]);

/**
 * Throws a Refusal with 403 unless the request bears `x-origin-secret` as the entry adds it: whoever walks around the entry
 * walks around its firewall. Passes when no secret is configured (one machine) and for the routes by which a cell is watched.
 */
export function checkOrigin(ports: Pick<Ports, "config">, name: RouteName, { headers }: HttpEvent): void {
  if (!isAsked(ports, name)) return;
  const given = headers["x-origin-secret"] ?? "";
  // All of them, whatever the first says: the time tells nothing.
  const fits = ports.config.secrets.originSecrets.map((secret) =>
    isSame(given, Buffer.from(secret).toString("hex")),
  );
  if (!fits.includes(true))
    throw new Refusal("origin", "Send this request to the public address of the service.", { status: 403 });
}

/**
 * Whose request is counted; null for that of this machine where no entry stands before it: it is a reverse proxy, and
 * everybody comes through it. Behind the entry the connection is CloudFront's, and the entry's function names the viewer
 * (stacks/edge/choose-cell.js). Not `x-forwarded-for`: a function URL leaves of it only what the viewer wrote. Where no
 * address is named, it is the connection's.
 */
export function addressOf(ports: Pick<Ports, "config">, name: RouteName, event: HttpEvent): string | null {
  const { headers, requestContext } = event;
  const { sourceIp } = requestContext.http;
  if (!isAsked(ports, name)) return /^(::ffff:)?127\.|^::1$/.test(sourceIp) ? null : sourceIp;
  const viewer = headers["x-viewer-address"] ?? "";
  return isIP(viewer) === 0 ? sourceIp : viewer;
}

const isAsked = ({ config }: Pick<Ports, "config">, name: RouteName): boolean =>
  config.secrets.originSecrets.length > 0 && !open.has(name);

/** Digests, because only texts of one length can be compared in constant time. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));
const digest = (text: string) => createHash("sha256").update(text).digest();
