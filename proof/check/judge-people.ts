import { entriesOf, type EntryOf, groupBy, type JudgedRun, type Verdict } from "./judged-run.ts";

const told = new Set(["document.stored", "document.rejected", "document.failed"]);
const failures = new Set(["rejected", "failed"]);
/** What a notice may say: ids, a code and a number. */
const noticeFields = new Set(["tag", "documentId", "type", "version", "sentAt"]);
/** A grant answers within this time, if only with 503. */
const grantLimitMs = 2_000;
/**
 * What a machine takes for an answer that needs nothing but the API, asked for beside a grant, is taken off the grant's time,
 * up to a quarter of that: an API that is as slow for everything is slow, whatever the reason, and such a sample's time says nothing.
 */
const controlLimitMs = grantLimitMs / 4;
/** When the time of more than this share of the grants says nothing, the promise is not judged. */
const unjudgedAtMost = 0.2;

/** I9, P9, P14: what people are shown, told and answered. */
export function judgePeople(run: JudgedRun): Verdict[] {
  return [judgeFailures(run), judgePushes(run), judgeGrants(run), judgeOutages(run)];
}

/** Tags due to each owner: one per version in which a document came to rest. */
function dueTags({ tables }: JudgedRun): Map<string, Set<string>> {
  const owners = new Map(
    tables.document.map(({ id, tenant_id, owner_id }) => [id, `${tenant_id}/${owner_id}`]),
  );
  const due = new Map<string, Set<string>>();
  for (const { type, document_id, version } of tables.outbox) {
    if (!told.has(type)) continue;
    const owner = owners.get(document_id) ?? "";
    due.set(owner, (due.get(owner) ?? new Set()).add(`${document_id}.${version}`));
  }
  return due;
}

function judgeFailures(run: JudgedRun): Verdict {
  const redriven = entriesOf(run, "redriven");
  const failed = run.tables.document.filter(({ state }) => failures.has(state));
  const lists = new Map(
    entriesOf(run, "listed").map((entry) => [`${entry.tenant}/${entry.user}`, entry.documents]),
  );
  const tags = groupBy(run.tables.push_inbox, ({ tag }) => tag.split(".")[0]!);
  // One that failed, and was rejected when it was sent its way again, came to rest twice.
  const ends = groupBy(
    run.tables.outbox.filter(({ type }) => told.has(type)),
    ({ document_id }) => document_id,
  );
  const dead = deadTokens(run);
  const devices = groupBy(
    entriesOf(run, "device").filter(({ token }) => !dead.has(token)),
    ({ tenant, user }) => `${tenant}/${user}`,
  );
  return {
    id: "I9",
    promise: "every failure has a reason, is listed to its owner, and one distinct push tag was sent for it",
    looked: failed.length + redriven.length,
    violations: failed
      .flatMap(({ id, tenant_id, owner_id, state, reason }) => {
        const owner = `${tenant_id}/${owner_id}`;
        const shown = lists.get(owner)?.find((one) => one.id === id);
        const sent = new Set((tags.get(id) ?? []).map(({ tag }) => tag)).size;
        return [
          ...(reason === null ? [`${id} is ${state} without a reason`] : []),
          ...(shown?.state === state && shown.reason === reason
            ? []
            : [`${id} (${state}) is not in its owner's list`]),
          ...(devices.has(owner) && sent !== (ends.get(id)?.length ?? 1)
            ? [`${sent} push tags were sent for ${id}`]
            : []),
        ];
      })
      .concat(
        redriven
          .filter(({ reason }) => reason === null)
          .map(({ document }) => `${document} was listed as failed without a reason`),
      ),
  };
}

const deadTokens = (run: JudgedRun) => new Set(entriesOf(run, "unregistered").map(({ token }) => token));

/** What phones registered is asked of their own history: a table that lost one, or altered its token, knows nothing of it. */
function judgePushes(run: JudgedRun): Verdict {
  const due = dueTags(run);
  const registered = entriesOf(run, "device");
  const dead = deadTokens(run);
  const heard = groupBy(entriesOf(run, "notice"), ({ token }) => token);
  const listening = new Set(entriesOf(run, "listening").map(({ token }) => token));
  const known = new Set(registered.map(({ token }) => token));
  const sent = groupBy(run.tables.push_inbox, ({ token }) => token);
  const violations = registered.flatMap((phone) => {
    const tags = due.get(`${phone.tenant}/${phone.user}`) ?? new Set<string>();
    const got = new Set((sent.get(phone.token) ?? []).map(({ tag }) => tag));
    const told = new Set((heard.get(phone.token) ?? []).map(({ tag }) => tag));
    return [
      ...[...got]
        .filter((tag) => !tags.has(tag))
        .map((tag) => `${phone.token} was sent ${tag}, which is not its own`),
      ...(dead.has(phone.token) ? [] : judgeLive(run, phone, tags, got)),
      ...(listening.has(phone.token)
        ? [...tags]
            .filter((tag) => !told.has(tag))
            .map((tag) => `the phone of ${phone.token} never heard ${tag}`)
        : []),
    ];
  });
  const talkative = entriesOf(run, "notice").filter(({ fields }) =>
    fields.some((name) => !noticeFields.has(name)),
  );
  return {
    id: "P14",
    promise:
      "one distinct tag per version reaches each live token, without content; only dead tokens are dropped",
    looked: run.tables.push_inbox.length,
    violations: [
      ...(listening.size === 0 ? ["no phone listened"] : []),
      ...violations,
      ...[...sent.keys()]
        .filter((token) => !known.has(token))
        .map((token) => `nobody registered ${token}, and it was sent to`),
      ...talkative.map(({ tag }) => `the notice ${tag} says more than ids`),
    ],
  };
}

/** A phone that lives is kept as it registered, and gets all that is due to its owner. */
function judgeLive(
  { tables }: JudgedRun,
  { tenant, user, token }: EntryOf<"device">,
  tags: ReadonlySet<string>,
  got: ReadonlySet<string>,
): string[] {
  const rows = tables.device.filter(
    (row) => row.tenant_id === tenant && row.user_id === user && row.push_token === token,
  );
  return [
    ...(rows.length === 0 ? [`${token} was registered, and is nowhere`] : []),
    ...(rows.length > 0 && rows.every(({ dropped_at }) => dropped_at !== null)
      ? [`${token} was dropped, and lives`]
      : []),
    ...[...tags].filter((tag) => !got.has(tag)).map((tag) => `${token} never got ${tag}`),
  ];
}

/** What no grant can be given without: as long as it is away, there is one at least that is not. */
const needed = new Set(["database", "objects"]);

function judgeGrants(run: JudgedRun): Verdict {
  const probes = entriesOf(run, "probe");
  const unjudged = probes.filter((probe) => !tellsTime(probe)).length;
  const tooMany = unjudged > unjudgedAtMost * probes.length;
  return {
    id: "P9",
    promise: "with any dependency gone, a grant answers within 2 s: done, or 503 with Retry-After",
    looked: probes.length - unjudged,
    unjudged,
    tooSlow: [
      ...outagesNotTimed(run, probes),
      ...(tooMany ? [`the time of ${unjudged} of ${probes.length} grants says nothing`] : []),
    ],
    violations: [...probes.flatMap(judgeGrant), ...outagesNotSeen(run, probes)],
  };
}

type Probe = EntryOf<"probe">;

const tellsTime = ({ controlMs }: Probe): boolean => controlMs <= controlLimitMs;

function judgeGrant(probe: Probe): string[] {
  const { away, status, hasRetryAfter, tookMs, controlMs, isControlled } = probe;
  const isGood = status === 201 || status === 200 || (status === 503 && hasRetryAfter);
  return [
    ...(tellsTime(probe) && tookMs - controlMs > grantLimitMs
      ? [`without ${away} a grant took ${tookMs} ms (${controlMs} ms what needs nothing but the API)`]
      : []),
    ...(isControlled ? [] : [`without ${away} the API itself did not answer`]),
    ...(isGood
      ? []
      : [
          `without ${away} a grant was answered with ${status}${status === 503 ? " without Retry-After" : ""}`,
        ]),
  ];
}

/** What was away in this run. */
const awayIn = (run: JudgedRun): string[] => [
  ...new Set(entriesOf(run, "injury").flatMap(({ kind }) => /^(\w+) away$/.exec(kind)?.[1] ?? [])),
];

/** An outage during which nobody asked, or that nobody felt, shows nothing. */
function outagesNotSeen(run: JudgedRun, probes: Probe[]): string[] {
  return awayIn(run).flatMap((away) => {
    const own = probes.filter((probe) => probe.away === away);
    if (own.length === 0) return [`nobody asked for a grant while ${away} was away`];
    const isFelt = own.some(({ status }) => status === 503);
    return needed.has(away) && !isFelt ? [`every grant was given while ${away} was away`] : [];
  });
}

/** An outage beside which the API itself was always too slow to tell a grant's time. */
const outagesNotTimed = (run: JudgedRun, probes: Probe[]): string[] =>
  awayIn(run).flatMap((away) => {
    const own = probes.filter((probe) => probe.away === away);
    return own.length === 0 || own.some(tellsTime) ? [] : [`no grant could be timed while ${away} was away`];
  });

/** Documents that must have been there to be stored: of fewer it shows little that they were. */
export const leastOffered = 5;
/** Of so many offered, this many at least must have been stored while an outage lasted: half of the load. */
export const settledAtLeast = (offered: number): number => Math.ceil(offered / 2);

/** What nobody needs who stores a document. */
const unneeded = new Set(["push", "stream"]);

function judgeOutages(run: JudgedRun): Verdict {
  const outages = entriesOf(run, "during");
  const counted = new Set(outages.map(({ outage }) => outage));
  return {
    id: "P9b",
    promise: "with push or stream down, documents go on being stored: half of all that come, at least",
    looked: outages.length,
    violations: [
      ...awayIn(run)
        .filter((away) => unneeded.has(away) && !counted.has(away))
        .map((away) => `nobody counted what was stored while ${away} was down`),
      ...outages.flatMap(({ outage, offered, stored }) => [
        ...(offered < leastOffered
          ? [`${offered} documents were there to store while ${outage} was down`]
          : []),
        ...(stored < settledAtLeast(offered)
          ? [`${stored} of ${offered} documents were stored while ${outage} was down`]
          : []),
      ]),
    ],
  };
}
