/*
 * An independent check of audit trails: nothing but node:crypto and this description.
 *
 *   node proof/check/check-audit.ts ENTRIES KEYS CHECKPOINT…     exit 0: it holds; exit 1: it does not; sentences either way
 *
 * ENTRIES has one JSON per line: { sequence, previousHash, hash, entry: { tenantId, id, at, actor, action, subject, detail } },
 * as `strongroom audit export` writes it. KEYS is the JWK Set, CHECKPOINT a file that begins with a compact JWS.
 *
 * hash        SHA-256, in hex, of the canonical JSON (RFC 8785) of ["strongroom-audit-1", previousHash, sequence, entry];
 *             `previousHash` of entry 1 is 64 zeros; sequences count from 1 without a gap, per tenant
 * checkpoint  JWS (ES256, type strongroom-checkpoint+jwt) of { sequence, at, previousSha256, heads: [{ tenantId, sequence, hash }] };
 *             previousSha256 is the SHA-256 of the payload of the checkpoint before, null in the first
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";

/** One line of a trail in its place; `sequence` is null while it is not chained. */
export type TrailRow = {
  sequence: number | null;
  previousHash: string | null;
  hash: string | null;
  entry: {
    tenantId: string;
    id: string;
    at: string;
    actor: string;
    action: string;
    subject: string;
    detail: unknown;
  };
};
type Jwk = { kid?: string; kty?: string; crv?: string; x?: string; y?: string };
/** A checkpoint whose signature holds; `sha256` is that of its payload. */
export type SignedCheckpoint = {
  sha256: string;
  sequence: number;
  at: string;
  previousSha256: string | null;
  heads: { tenantId: string; sequence: number; hash: string }[];
};
/** Trails of any number of tenants, in any order, and the checkpoints from their locked place. */
export type Evidence = { rows: TrailRow[]; checkpoints: string[]; jwks: { keys: Jwk[] } };

/** Every fault in words, and how many entries come after the last checkpoint: of those a cut tail is not found. */
export function checkAudit({ rows, checkpoints, jwks }: Evidence): { faults: string[]; unproven: number } {
  const chained = rows.filter(({ sequence }) => sequence !== null);
  const trails = Map.groupBy(chained, ({ entry }) => entry.tenantId);
  const faults = [...trails].flatMap(([tenantId, trail]) => chainFaults(tenantId, trail));
  const signed = readCheckpoints(checkpoints, jwks, faults);
  for (const { sequence, heads } of signed)
    for (const head of heads) {
      const there = trails.get(head.tenantId)?.filter((row) => row.sequence === head.sequence) ?? [];
      if (there.length !== 1 || there[0]!.hash !== head.hash)
        faults.push(`checkpoint ${sequence} saw another entry ${head.sequence} of ${head.tenantId}`);
    }
  const heads = signed.at(-1)?.heads ?? [];
  const proven = heads.reduce((sum, { sequence }) => sum + sequence, 0);
  return { faults, unproven: Math.max(0, chained.length - proven) };
}

function chainFaults(tenantId: string, trail: TrailRow[]): string[] {
  const faults: string[] = [];
  let [sequence, hash] = [0, "0".repeat(64)];
  for (const row of trail.toSorted((one, other) => one.sequence! - other.sequence!)) {
    sequence += 1;
    const name = `entry ${sequence} of ${tenantId}`;
    if (row.sequence !== sequence) return [...faults, `${name} is missing, or there twice`];
    if (row.previousHash !== hash) faults.push(`${name} does not follow on the one before`);
    if (row.hash !== hashOf(row)) faults.push(`${name} was edited`);
    hash = row.hash ?? "";
  }
  return faults;
}

/** The hash that a row should have in its place. */
export function hashOf({ previousHash, sequence, entry }: TrailRow): string {
  return sha256(canonical(["strongroom-audit-1", previousHash, sequence, entry]));
}

function readCheckpoints(texts: string[], jwks: { keys: Jwk[] }, faults: string[]): SignedCheckpoint[] {
  const signed = texts.flatMap((jws) => {
    const checkpoint = openCheckpoint(jws, jwks);
    if (typeof checkpoint !== "string") return [checkpoint];
    faults.push(checkpoint);
    return [];
  });
  signed.sort((one, other) => one.sequence - other.sequence);
  for (const { sequence, previousSha256 } of signed) {
    const before = signed.filter((one) => one.sequence === sequence - 1);
    const isFirst = sequence === signed[0]!.sequence;
    if (!isFirst && !before.some((one) => one.sha256 === previousSha256))
      faults.push(`checkpoint ${sequence} does not follow on the one before`);
  }
  return signed;
}

/** A checkpoint whose signature holds, or a sentence that says why it does not. */
export function openCheckpoint(jws: string, jwks: { keys: Jwk[] }): SignedCheckpoint | string {
  const parts = jws.split(".");
  const [header, payload, signature] = parts.map((part) => Buffer.from(part, "base64url"));
  if (
    parts.length !== 3 ||
    parts.some((part) => Buffer.from(part, "base64url").toString("base64url") !== part)
  )
    return "a checkpoint is not a compact JWS";
  const { alg, typ, kid } = readJson(header!) as { alg?: string; typ?: string; kid?: string };
  if (alg !== "ES256" || typ !== "strongroom-checkpoint+jwt") return "a JWS is not a checkpoint";
  const key = jwks.keys.find((one) => one.kid === kid && one.kty === "EC" && one.crv === "P-256");
  if (!key) return `the keys do not hold ${kid}, which a checkpoint names`;
  const publicKey = createPublicKey({
    key: { kty: "EC", crv: "P-256", x: key.x!, y: key.y! },
    format: "jwk",
  });
  const holds = verify(
    "sha256",
    Buffer.from(`${parts[0]}.${parts[1]}`),
    { key: publicKey, dsaEncoding: "ieee-p1363" },
    signature!,
  );
  if (!holds) return "the signature of a checkpoint does not hold";
  return { ...(readJson(payload!) as Omit<SignedCheckpoint, "sha256">), sha256: sha256(payload!) };
}

function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return {};
  }
}

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

/** RFC 8785: members in order of their names' UTF-16 units, nothing between the tokens. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = value as Record<string, unknown>;
  const names = Object.keys(members).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(members[name])}`).join(",")}}`;
}

/** An object of the embedded store goes on behind the JWS with facts of its own, which begin with a brace. */
const jwsIn = (text: string) => /^[\w-]+\.[\w-]+\.[\w-]+/.exec(text)?.[0] ?? text;

function main([entries, keys, ...checkpoints]: string[]): void {
  if (!entries || !keys) throw new Error("Usage: node check-audit.ts ENTRIES KEYS [CHECKPOINT …]");
  const lines = readFileSync(entries, "utf8").split("\n").filter(Boolean);
  const { faults, unproven } = checkAudit({
    rows: lines.map((line) => JSON.parse(line) as TrailRow),
    checkpoints: checkpoints.map((path) => jwsIn(readFileSync(path, "latin1"))),
    jwks: JSON.parse(readFileSync(keys, "utf8")) as { keys: Jwk[] },
  });
  if (faults.length > 0) throw new Error(`The trail does not hold: ${faults.slice(0, 10).join("; ")}.`);
  const rest = `the last ${unproven} come after the last checkpoint, and could be cut off unnoticed`;
  console.log(`The trail holds: ${lines.length} entries, ${checkpoints.length} checkpoints; ${rest}.`);
}

// Not import.meta.main: an older Node would do nothing, and call it success.
if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
