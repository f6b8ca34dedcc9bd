import { NotModelled } from "../world/faults.ts";
import type { Row } from "./rows.ts";
import type { Scope } from "./scope.ts";

/** What a fragment may look at: the row it stands beside, the rows it sums up, and the database's own means. */
export type Surroundings = {
  scope: Scope | null;
  rows: readonly Row[];
  now: () => Date;
  nextToken: () => number;
};
type Meaning = (values: readonly unknown[], around: Surroundings) => unknown;

const row = ({ scope }: Surroundings): Row => scope!.row;
const ms = (moment: unknown): number | null => (moment === null ? null : (moment as Date).getTime());
const later = (around: Surroundings, byMs: unknown) => new Date(around.now().getTime() + (byMs as number));

/** As in PostgreSQL, nulls are passed over. */
const greatest = (values: unknown[]) => {
  const known = values.filter((value) => value !== null) as number[];
  return known.length === 0 ? null : Math.max(...known);
};

/** The later of two moments of a row, or the one that there is. */
const laterOf =
  (one: string, other: string): Meaning =>
  (_values, around) => {
    const moment = greatest([ms(row(around)[one]), ms(row(around)[other])]);
    return moment === null ? null : new Date(moment);
  };

const bytesOf = (rows: readonly Row[]) =>
  rows.reduce((sum, one) => sum + ((one["announced_bytes"] ?? one["size_bytes"]) as number), 0);

/**
 * Every raw piece of SQL that the simulated statements hold, and what it means. Parameters stand as `$`. A piece that does
 * not stand here stops the simulation: whoever changes a statement writes down what it means now.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  "clock_timestamp()": (_values, around) => around.now(),
  "clock_timestamp() + $::float8 * interval '1 millisecond'": ([delay], around) => later(around, delay),
  "clock_timestamp() - $::float8 * interval '1 millisecond'": ([age], around) =>
    later(around, -(age as number)),
  "statement_timestamp() - $::float8 * interval '1 millisecond'": ([age], around) =>
    later(around, -(age as number)),
  "(extract(epoch from statement_timestamp()) * 1000)::float8": (_values, around) => around.now().getTime(),
  "version + 1": (_values, around) => (row(around)["version"] as number) + 1,
  "decode_crashes + 1": (_values, around) => (row(around)["decode_crashes"] as number) + 1,
  "$::uuid": ([value]) => value,
  "$::text": ([value]) => value,
  "$::jsonb": ([value]) => JSON.parse(value as string) as unknown,
  "'document.claimed'": () => "document.claimed",
  "jsonb_build_object('state', state, 'version', version, 'token', lease_token, 'claims', claims)": (
    _values,
    around,
  ) => {
    const { state, version, lease_token: token, claims } = row(around);
    return { state, version, token, claims };
  },
  "id::text": (_values, around) => row(around)["id"],
  "$::jsonb || $": ([value, more]) => ({ ...(JSON.parse(value as string) as object), ...(more as object) }),
  "$::jsonb || jsonb_build_object('version', version) || $": ([value, more], around) => ({
    ...(JSON.parse(value as string) as object),
    version: row(around)["version"],
    ...(more as object),
  }),
  "'{}'::jsonb": () => ({}),
  "select $::uuid, $::uuid, page, body from unnest($::int[], $::text[]) as texts (page, body)": ([
    tenantId,
    documentId,
    pages,
    bodies,
  ]) => (pages as number[]).map((page, at) => [tenantId, documentId, page, (bodies as string[])[at]]),
  $: ([value]) => value,
  "$ = any($)": ([value, list]) => (list as unknown[]).includes(value),
  "jsonb_build_object('duplicateOf', duplicate_of)": (_values, around) => ({
    duplicateOf: row(around)["duplicate_of"],
  }),
  ...leases(),
  ...searches(),
  ...announcements(),
  ...quotas(),
};

/** Of the claim: who may take a document, and what it costs. */
function leases(): Record<string, Meaning> {
  return {
    "nextval('lease_token')": (_values, around) => around.nextToken(),
    "claims + case when lease_until is null then 0 else 1 end": (_values, around) =>
      (row(around)["claims"] as number) + (row(around)["lease_until"] === null ? 0 : 1),
    "(power(2, least(claims, 6)) - 1) * $::float8 * interval '1 millisecond'": ([unit], around) =>
      (2 ** Math.min(row(around)["claims"] as number, 6) - 1) * (unit as number),
    "(state = 'received' or state = 'processing')": (_values, around) =>
      row(around)["state"] === "received" || row(around)["state"] === "processing",
    "(lease_until is null or lease_until + $ < clock_timestamp())": ([rest], around) => {
      const until = ms(row(around)["lease_until"]);
      return until === null || until + (rest as number) < around.now().getTime();
    },
    "(retry_at is null or retry_at <= clock_timestamp())": (_values, around) => {
      const at = ms(row(around)["retry_at"]);
      return at === null || at <= around.now().getTime();
    },
  };
}

/** Of the reconciler: what it looks for. */
function searches(): Record<string, Meaning> {
  return {
    "(lease_until is null or lease_until < clock_timestamp())": (_values, around) => {
      const until = ms(row(around)["lease_until"]);
      return until === null || until < around.now().getTime();
    },
    "(retry_at is null or retry_at < clock_timestamp())": (_values, around) => {
      const at = ms(row(around)["retry_at"]);
      return at === null || at < around.now().getTime();
    },
    "$::float8 * interval '1 millisecond'": ([period]) => period,
    "received_at > $": ([moment], around) => ms(row(around)["received_at"])! > ms(moment)!,
    "state in ('received', 'processing') and not waits_turn and retries = 0": (_values, around) => {
      const { state, waits_turn: waits, retries } = row(around);
      return (state === "received" || state === "processing") && waits === false && retries === 0;
    },
    "least(rung_at + $, received_at + $)": ([silence, overAge], around) => {
      const [rung, received] = [ms(row(around)["rung_at"]), ms(row(around)["received_at"])!];
      const [heard, fresh] = [(rung ?? Infinity) + (silence as number), received + (overAge as number)];
      return new Date(Math.min(heard, fresh));
    },
    "case state when 'received' then $ else lease_until end > clock_timestamp()": ([heardUntil], around) => {
      const { state, lease_until: leaseUntil } = row(around);
      const until = ms(state === "received" ? heardUntil : leaseUntil);
      return until === null ? null : until > around.now().getTime();
    },
    "not legal_hold and coalesce(held_until <= clock_timestamp(), true)": (_values, around) => {
      const { legal_hold: isHeld, held_until: until } = row(around);
      return isHeld === false && (until === null || ms(until)! <= around.now().getTime());
    },
    "settled_at < $": ([moment], around) => ms(row(around)["settled_at"])! < ms(moment)!,
    "coalesce(rung_at, '-infinity')": (_values, around) => row(around)["rung_at"] ?? new Date(0),
    "coalesce(rung_at, changed_at)": (_values, around) => row(around)["rung_at"] ?? row(around)["changed_at"],
    "clock_timestamp() - coalesce(rung_at, changed_at) > greatest($::float8 * interval '1 millisecond', case when state = 'received' then least((coalesce(rung_at, changed_at) - received_at) / 2, $::float8 * interval '1 millisecond') end)":
      ([silence, most], around) => {
        const { rung_at: rungAt, changed_at: changedAt, received_at: receivedAt, state } = row(around);
        const rung = ms(rungAt ?? changedAt)!;
        const queued = state === "received" ? Math.min((rung - ms(receivedAt)!) / 2, most as number) : 0;
        return around.now().getTime() - rung > Math.max(silence as number, queued);
      },
    "(grant_expires_at - $::float8 * interval '1 millisecond')": ([grant], around) =>
      new Date(ms(row(around)["grant_expires_at"])! - (grant as number)),
    "greatest(rung_at, grant_expires_at)": laterOf("rung_at", "grant_expires_at"),
    "greatest(rung_at, erasing_at)": laterOf("rung_at", "erasing_at"),
    "greatest(rung_at, settled_at)": laterOf("rung_at", "settled_at"),
    "greatest(rung_at, $)": ([given], around) => new Date(greatest([ms(row(around)["rung_at"]), ms(given)])!),
    "clock_timestamp() - $ > greatest($::float8 * interval '1 millisecond', ($ - $) / 2)": (
      [seen, silence, seenAgain, given],
      around,
    ) => around.now().getTime() - ms(seen)! > Math.max(silence as number, (ms(seenAgain)! - ms(given)!) / 2),
    "greatest(inbox_version.version, excluded.version)": (_values, { scope }) =>
      greatest([scope!.row["version"], scope!.excluded!["version"]]),
  };
}

/** Of what is announced once more: what the row counted as until then, within a day. */
function announcements(): Record<string, Meaning> {
  return {
    "case when coalesce(announced_at, created_at) > $ then coalesce(announced_bytes, size_bytes) else 0 end":
      ([dayAgo], around) => {
        const { announced_at: announcedAt, created_at: createdAt } = row(around);
        return ms(announcedAt ?? createdAt)! > ms(dayAgo)! ? bytesOf([row(around)]) : 0;
      },
    "$ + $::bigint": ([before, bytes]) => (before as number) + (bytes as number),
  };
}

/** Sums over the rows that a statement found. */
function quotas(): Record<string, Meaning> {
  return {
    "count(*)::float8": (_values, { rows }) => rows.length,
    "coalesce(sum(coalesce(announced_bytes, size_bytes)), 0)::float8": (_values, { rows }) => bytesOf(rows),
  };
}

/** The pieces that sum up rows instead of looking at one. */
const sums: ReadonlySet<string> = new Set(Object.keys(quotas()));

/** A raw piece of SQL: its text, its parameters as `$`, blanks as one; and what it means. */
type Fragment = { text: string; isSum: boolean; meaning: Meaning };

/** Parts of one `sql` template stand in one array for ever: they are looked up once. */
const fragments = new WeakMap<readonly string[], Fragment>();

/** The raw piece of SQL that is made of these parts; one that nobody wrote down stops the simulation when its meaning is asked for. */
export function fragmentOf(parts: readonly string[]): Fragment {
  const known = fragments.get(parts);
  if (known) return known;
  const text = parts.join("$").replace(/\s+/g, " ").trim();
  const fragment = { text, isSum: sums.has(text), meaning: meanings[text] ?? (() => notModelled(text)) };
  fragments.set(parts, fragment);
  return fragment;
}

function notModelled(text: string): never {
  throw new NotModelled(
    `the simulation does not know this piece of SQL; say in fragments.ts what it means: ${text}`,
  );
}
