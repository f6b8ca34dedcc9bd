import type { Row } from "./database/rows.ts";
import { numberOf } from "./world/bytes.ts";
import type { Version } from "./world/ledger.ts";
import { periods, pushToken, tenantId, type World } from "./world/world.ts";

type Check = (world: World) => string[];

/** What does not hold when the system rests, or when all of it is cleared away. */
export function judge(world: World, when: "rest" | "clean"): string[] {
  const checks =
    when === "rest"
      ? [...always, documentsRest, failuresAreOver, eventsAreOut, peopleKnow]
      : [...always, nothingIsLeft];
  return checks.flatMap((check) => check(world));
}

/** Edges of the state graph; the judge believes neither the product's nor the simulated trigger's. */
const edges = new Set(
  [
    ["granted", "received", "expired", "erased"],
    ["expired", "granted", "erased"],
    ["received", "processing", "erased"],
    ["processing", "stored", "rejected", "failed"],
    ["failed", "received", "erased"],
  ].flatMap(([from, ...to]) => to.map((state) => `${from} ${state}`)),
);
/** States of a document whose content is here, or on its way. */
const live = new Set(["received", "processing", "stored", "archived", "restoring"]);

const text = (row: Row, column: string) => String(row[column]);
const timeOf = (row: Row, column: string) => (row[column] as Date | null)?.getTime() ?? null;
const history = ({ ledger }: World) => [...ledger.documents];

/** I1, I3: what a client was told is here is in one row, and it rests. */
const documentsRest: Check = ({ ledger, postgres }) => {
  const rows = postgres.rows("document");
  return [...ledger.acknowledged].flatMap((id) => {
    const own = rows.filter((row) => row["id"] === id);
    const state = own[0] ? text(own[0], "state") : "nowhere";
    return own.length === 1 && ["stored", "rejected", "failed"].includes(state)
      ? []
      : [`I1: ${id} was acknowledged, but ${own.length} rows tell of it, as ${state}`];
  });
};

/** Once our faults are over, a document that is sent its way again gets to its end. */
const failuresAreOver: Check = ({ postgres }) =>
  postgres
    .rows("document")
    .filter(({ state }) => state === "failed")
    .map((row) => `I1: ${text(row, "id")} failed again, though nothing is out of order any more`);

/** I7: what is in the stream is what happened, version by version, in order, as a consumer reads it. */
const eventsAreOut: Check = (world) => {
  const { streams, ledger, postgres } = world;
  const faults: string[] = [];
  const facts = new Set([...ledger.events.values()].map((row) => text(row, "event_id")));
  const seen = new Map<string, number[]>();
  for (const { key, value } of streams.logs.documents) {
    const { id, version } = JSON.parse(value) as { id: string; version: number };
    if (!facts.has(id)) faults.push(`I7: event ${id} of ${key} never happened`);
    const versions = seen.get(key) ?? seen.set(key, []).get(key)!;
    if (version > (versions.at(-1) ?? 0)) versions.push(version);
  }
  for (const row of postgres.rows("document")) {
    const versions = seen.get(text(row, "id")) ?? [];
    const isGapless =
      versions.length === row["version"] && versions.every((version, at) => version === at + 1);
    if (!isGapless)
      faults.push(
        `I7: ${text(row, "id")} is at version ${text(row, "version")}, the stream tells of ${versions.join(" ")}`,
      );
  }
  return faults;
};

/** I9: every end has a push of its own, every failure a reason. */
const peopleKnow: Check = ({ ledger, postgres }) => {
  const ends = [...ledger.events.values()].filter(({ type }) =>
    ["document.stored", "document.rejected", "document.failed"].includes(type as string),
  );
  const due = new Set(ends.map((row) => `${text(row, "document_id")}.${text(row, "version")}`));
  const sent = new Set(ledger.pushes.filter(({ token }) => token === pushToken).map(({ tag }) => tag));
  const silent = postgres
    .rows("document")
    .filter((row) => ["rejected", "failed"].includes(text(row, "state")) && row["reason"] === null);
  return [
    ...[...due].filter((tag) => !sent.has(tag)).map((tag) => `I9: nobody was told ${tag}`),
    ...[...sent].filter((tag) => !due.has(tag)).map((tag) => `I9: somebody was told ${tag}, which never was`),
    ...silent.map((row) => `I9: ${text(row, "id")} gives no reason`),
  ];
};

/** I2: what is stored lies in the vault, sealed for this attempt under the key that the row keeps. */
const vaultHolds: Check = ({ postgres, store, ledger }) => {
  const keys = new Map(postgres.rows("document_key").map((row) => [row["document_id"], row]));
  const artefacts = Map.groupBy(postgres.rows("artefact"), (row) => row["document_id"]);
  return postgres.rows("document").flatMap((row) => {
    const [id, own] = [text(row, "id"), artefacts.get(row["id"]) ?? []];
    if (row["state"] !== "stored")
      return own.length > 0 ? [`I2: ${id} is ${text(row, "state")}, with artefacts`] : [];
    const files = postgres.rows("document_file").filter((file) => file["document_id"] === id);
    const missing = files
      .filter(
        (file) =>
          !own.some(
            (one) => one["name"] === `original-${text(file, "position")}` && one["sha256"] === file["sha256"],
          ),
      )
      .map((file) => `I2: ${id} is stored without its page ${text(file, "position")}`);
    const dataKey = numberOf(keys.get(row["id"])?.["wrapped"] as Uint8Array);
    const attempt = `${tenantId}/${id}/${text(row, "lease_token")}`;
    const foreign =
      ledger.dataKeys.get(dataKey) === attempt
        ? []
        : [`I2: the key of ${id} is not of the attempt that stored it`];
    return [...missing, ...foreign, ...own.flatMap((one) => openArtefact(store, one, dataKey))];
  });
};

function openArtefact({ objects }: World["store"], artefact: Row, dataKey: number): string[] {
  const name = `${text(artefact, "document_id")} ${text(artefact, "name")}`;
  const there = objects.get(text(artefact, "vault_key"));
  if (!there) return [`I2: ${name} is not in the vault`];
  const sealed = there.content.sealed!;
  const opens =
    sealed.dataKey === dataKey &&
    sealed.plaintextSha256 === artefact["sha256"] &&
    sealed.documentId === artefact["document_id"] &&
    sealed.artefact === artefact["name"] &&
    sealed.attempt === text(artefact, "attempt") &&
    there.versionId === artefact["version_id"];
  return opens ? [] : [`I2: ${name} does not open as what its row says`];
}

/** I8: along the graph, under tokens that rise, and by nobody whose lease was over. */
const movesAreFair: Check = ({ ledger }) => {
  const faults: string[] = [];
  for (const [id, versions] of ledger.documents)
    for (let index = 1; index < versions.length; index++)
      checkMove(faults, id, versions[index - 1]!.row, versions[index]!);
  return faults;
};

function checkMove(faults: string[], id: string, before: Row, { row, at }: Version): void {
  const from = before["state"] as string;
  const to = row["state"] as string;
  if (from !== to && !edges.has(`${from} ${to}`)) faults.push(`I8: ${id} went from ${from} to ${to}`);
  const held = before["lease_token"] as number | null;
  const token = row["lease_token"] as number | null;
  const until = timeOf(before, "lease_until");
  if (token !== held) {
    if (held !== null && token! <= held) faults.push(`I8: ${id} went from token ${held} to ${token}`);
    if (until !== null && until >= at) faults.push(`I8: ${id} was claimed under a lease that lives`);
  }
  if (to === "expired" && from === "granted" && timeOf(before, "grant_expires_at")! > at)
    faults.push(`I8: the grant of ${id} was ended before its time`);
}

/** I8: whoever settled a document had claimed it last. */
const nobodyIsZombie: Check = ({ postgres }) => {
  const holders = new Map<unknown, number | undefined>();
  const faults: string[] = [];
  const lines = postgres.rows("audit");
  for (const row of lines.toSorted((one, other) => (one["id"] as number) - (other["id"] as number))) {
    const { subject } = row;
    const { token } = row["detail"] as { token?: number };
    if (row["action"] === "document.claimed") holders.set(subject, token);
    else if (token !== undefined && token !== holders.get(subject))
      faults.push(
        `I8: ${String(subject)} was moved by attempt ${token}, while ${holders.get(subject) ?? "nobody"} held it`,
      );
  }
  return faults;
};

/** Only a lease that lapsed counts as a death; a clean release counts as nothing. */
const deathsAreDeaths: Check = (world) =>
  history(world).flatMap(([id, versions]) => {
    let [deaths, tries] = [0, 0];
    versions.forEach(({ row }, index) => {
      const before = versions[index - 1]?.row;
      if (!before) return;
      if (row["state"] === "received") [deaths, tries] = [0, 0];
      if (row["lease_token"] !== before["lease_token"] && before["lease_until"] !== null) deaths += 1;
      if (row["retry_at"] !== null && before["retry_at"] === null) tries += 1;
    });
    const row = versions.at(-1)!.row;
    return [
      ...(row["claims"] === deaths
        ? []
        : [`rule 2: ${id} counts ${text(row, "claims")} deaths, ${deaths} were`]),
      ...(row["retries"] === tries
        ? []
        : [`rule 2: ${id} counts ${text(row, "retries")} retries, ${tries} were`]),
    ];
  });

/** Rule 5: what a client was told is accepted is what lies in the row. */
const requestsAreKept: Check = ({ ledger, postgres }) => {
  const files = Map.groupBy(postgres.rows("document_file"), (row) => row["document_id"] as string);
  return ledger.accepted.flatMap(({ documentId, files: sent }) => {
    const kept = (files.get(documentId) ?? [])
      .toSorted((one, other) => (one["position"] as number) - (other["position"] as number))
      .map((row) => row["sha256"]);
    return kept.join() === sent.join()
      ? []
      : [`rule 5: another request for ${documentId} was taken for the first one`];
  });
};

/** Rule 6: what a document repeats was here, or on its way, while the transaction that says so looked. */
const originalsLive: Check = (world) =>
  history(world).flatMap(([id, versions]) =>
    versions.flatMap(({ row, at, openedAt }, index) => {
      const original = row["duplicate_of"] as string | null;
      if (original === null || original === versions[index - 1]?.row["duplicate_of"]) return [];
      const states = world.ledger.statesBetween(original, openedAt, at);
      return states.some((state) => live.has(state))
        ? []
        : [`rule 6: ${id} was called a copy of ${original}, which was ${states.join(", ")}`];
    }),
  );

/** Rules 3 and 4: nothing is taken away before its time. */
const nothingGoesEarly: Check = ({ ledger }) =>
  ledger.removed.flatMap(({ key, at, modifiedAt }) => {
    if (key.startsWith("v/"))
      return at - modifiedAt > periods.orphanGrace ? [] : [`rule 4: ${key} was collected within its grace`];
    const versions = ledger.documents.get(key.split("/")[2]!) ?? [];
    const rest = versions.findLast((version) => version.at <= at)?.row;
    const keepMs = {
      stored: periods.keepStored,
      rejected: periods.keepRejected,
      expired: periods.keepExpired,
    }[text(rest ?? {}, "state")];
    if (keepMs !== undefined && at - timeOf(rest!, "settled_at")! >= keepMs) return [];
    return at - modifiedAt > periods.keepExpired && wasRevived(versions)
      ? []
      : [`rule 3: ${key} was taken away while its document is ${text(rest ?? {}, "state")}`];
  });

/** A revived grant has new keys: what lies under its old ones is nobody's. */
const wasRevived = (versions: { row: Row }[]) => versions.some(({ row }) => row["state"] === "expired");

const always: Check[] = [
  vaultHolds,
  movesAreFair,
  nobodyIsZombie,
  deathsAreDeaths,
  requestsAreKept,
  originalsLive,
  nothingGoesEarly,
];

/** I5, I6: staging is empty but for what failed, and the vault holds of each document what is stored and nothing else. */
const nothingIsLeft: Check = ({ store, postgres }) => {
  const listed = new Set(postgres.rows("artefact").map((row) => row["vault_key"]));
  const last = new Map(
    postgres.rows("document").map((row) => [row["id"], row["lease_token"] as number | null]),
  );
  // What a restored database does not know stays: a newer backup may hold its keys.
  const isForgotten = (key: string) => {
    const [area, , , id, attempt] = key.split("/");
    return area === "v" && (!last.has(id) || Number(attempt) > (last.get(id) ?? 0));
  };
  return [...store.objects.keys()]
    .filter((key) => !listed.has(key) && !isForgotten(key))
    .map((key) => `${key.startsWith("v/") ? "I5" : "I6"}: ${key} is left over`);
};
