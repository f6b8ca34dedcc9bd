import type { Demands } from "../check/demands.ts";
import { faultsOf } from "./demands-of.ts";
import type { FlakyRates } from "./flaky-ports.ts";
import type { InjuryKind } from "./plan.ts";
import type { SourceEdit } from "./source-edits.ts";

/** A product (or a harness) that is broken on purpose, what provokes it, and the promise that must be found broken. */
export type BrokenBuild = {
  name: string;
  edits: SourceEdit[];
  injuries: InjuryKind[];
  /** As few as show it nearly always. */
  documents: number;
  found: string;
  /** What the judge must say of it: the same promise may be broken by something else, say by a machine on which nothing gets done. */
  says: RegExp;
  /** What must have been done to it, or it is not held. */
  demands?: Partial<Demands>;
  /** Faults that it takes to see it among few documents. */
  rates?: Partial<FlakyRates>;
  /** Only the attackers find it. */
  afterwards?: boolean;
};

const core = (file: string) => `packages/core/src/${file}`;

/** Each breaks one rule of the design, as small as it can be. */
export const brokenBuilds: BrokenBuild[] = [
  {
    name: "nobody looks at lease or fencing token after the claim",
    edits: [
      {
        file: core("document/move-document.ts"),
        from: `.$if(move.token !== undefined, (query) => query.where("lease_token", "=", move.token!))`,
        to: "",
      },
      { file: core("job/hold-lease.ts"), from: `.where("lease_token", "=", token)`, to: "" },
      {
        file: core("job/hold-lease.ts"),
        from: "if (renewed === false || silentMs >= ports.config.periods.lease)",
        to: "if (renewed === false)",
      },
    ],
    injuries: ["freeze processor", "freeze processor", "freeze processor", "freeze processor"],
    documents: 40,
    found: "P5",
    says: /: document\.\w+ under token \d+, while \d+ held it$|bears token/,
    rates: { error: 0, lost: 0 }, // a zombie that meets another fault gives up before it can do harm
  },
  {
    name: "an upload is received without a look at the store",
    edits: [
      {
        file: core("upload/receive-document.ts"),
        from: "const arrived = await findArrived(ports, loaded.files);",
        to: "const arrived = loaded.files;",
      },
    ],
    injuries: ["kill processor"],
    documents: 60,
    found: "I1",
    says: /not all of it was ever sent$/,
  },
  {
    name: "the relay marks events that the stream did not acknowledge",
    edits: [
      {
        file: core("event/relay-events.ts"),
        from: "return result.acknowledged ? [row.id] : [];",
        to: "return [row.id];",
      },
    ],
    injuries: ["kill relay"],
    documents: 24,
    found: "P4",
    says: /in the stream$|never reached the stream$/,
    rates: { unacknowledged: 0.5 },
  },
  {
    name: "the collector knows neither grace nor manifests",
    edits: [
      { file: core("document/collect-vault.ts"), from: " - ports.config.periods.orphanGrace;", to: ";" },
      {
        file: core("document/collect-vault.ts"),
        from: "manifests.has(one.key) || ",
        to: "",
      },
      { file: core("config.ts"), from: "sweep: hour,", to: "sweep: minute," },
    ],
    injuries: ["kill relay"],
    documents: 30,
    found: "I2",
    says: /: ENOENT: /,
  },
  {
    name: "staging is cleared without its grace",
    edits: [
      {
        file: core("upload/clear-staging.ts"),
        from: "return { stored: keepStored,",
        to: "return { stored: 0 * keepStored,",
      },
    ],
    injuries: ["kill relay"],
    documents: 16,
    found: "I6",
    says: /was cleared before its time$/,
  },
  {
    name: "a repeated request makes a second document",
    edits: [
      {
        file: core("upload/accept-upload.ts"),
        from: "return await repeatUpload(ports, actor, seen.known, wanted, seen);",
        to: "return await create(ports, actor, { ...wanted, request: { ...request, id: ports.ids.uuid() as never } }, { ...seen, duplicateOf: null });",
      },
    ],
    injuries: ["kill relay"],
    documents: 24,
    found: "I4",
    says: /^nobody asked for document /,
  },
  {
    name: "the notifier keeps no inbox",
    edits: [
      {
        file: core("notice/notify-user.ts"),
        from: "return seen && seen.version >= event.version ? null : devices;",
        to: "return devices;",
      },
      { file: core("notice/notify-user.ts"), from: "if (!first) return;", to: "" },
    ],
    injuries: ["kill notifier"],
    documents: 16,
    found: "I7",
    says: / was told \d+ times$/,
    rates: { duplicate: 0.3 },
  },
  {
    name: "signed uploads never end",
    edits: [
      {
        file: core("embedded/object-admission.ts"),
        from: "if (now.getTime() >= Number(target.expires))",
        to: "if (Number.isNaN(Number(target.expires)))",
      },
    ],
    injuries: ["kill relay"],
    documents: 24,
    found: "P6",
    says: / was answered with 2\d\d$/,
    demands: { attacks: true },
    afterwards: true,
  },
  {
    name: "a grant waits for the database as long as it takes",
    edits: [
      { file: "packages/functions/src/deadline.ts", from: "? 1_800 : 20_000", to: "? 20_000 : 20_000" },
      {
        file: core("database/postgres-database.ts"),
        from: "connectionTimeoutMillis: 2_000, // a grant",
        to: "connectionTimeoutMillis: 20_000, // a grant",
      },
    ],
    injuries: ["database away"],
    documents: 8,
    found: "P9",
    says: /^without database a grant took \d+ ms/,
  },
  {
    name: "the receipt states another size",
    edits: [
      {
        file: core("receipt/issue-receipt.ts"),
        from: "sizeBytes: size_bytes,",
        to: "sizeBytes: size_bytes + 1,",
      },
    ],
    injuries: ["kill relay before its mark"],
    documents: 8,
    found: "P2b",
    says: /: it lists other originals than were uploaded$/,
  },
  {
    name: "the notifier leaves no line in the audit",
    edits: [
      {
        file: core("notice/notify-user.ts"),
        from: "appendAudit(ports, tx, {\n      actor,",
        to: "((..._unwritten: unknown[]) => Promise.resolve())(ports, tx, {\n      actor,",
      },
    ],
    injuries: ["kill notifier before its record"],
    documents: 8,
    found: "P12b",
    says: /^user\.notified of .*: 1 facts, 0 lines$/,
  },
  {
    name: "any fault of push drops the token",
    edits: [
      {
        file: core("notice/notify-user.ts"),
        from: `await send(ports, event, device.push_token)`,
        to: `await send(ports, event, device.push_token).catch(() => "unregistered" as const)`,
      },
    ],
    injuries: ["kill notifier"],
    documents: 48, // faults stop when all is sent and 20 are on their way at most: of 16, pushes were often made only then
    found: "P14",
    says: / was dropped, and lives$/,
    rates: { error: 0.3 },
  },
  {
    name: "what was stored is told as stored twice",
    edits: [
      {
        file: core("document/store-document.ts"),
        from: `import { endTurn } from "../job/pass-turn.ts";`,
        to: `import { endTurn } from "../job/pass-turn.ts"; import { appendEvent } from "../event/append-event.ts";`,
      },
      {
        file: core("document/store-document.ts"),
        from: "() => insertKey(tx, claim, sealed),",
        to: `() => insertKey(tx, claim, sealed),
      () => appendEvent(ports, tx, { documentId: document.id, version: document.version + 2, type: "document.stored", data: storedFacts(claim, files), traceparent: null }),`,
      },
    ],
    injuries: ["kill relay"],
    documents: 16,
    found: "I3",
    says: / was stored twice$/,
  },
  {
    name: "each claim draws a lower token than the one before",
    edits: [
      {
        file: core("job/claim-document.ts"),
        from: "nextval('lease_token')",
        to: "1000000 - nextval('lease_token')",
      },
    ],
    injuries: ["kill processor", "kill processor", "kill processor"],
    documents: 24,
    found: "I8",
    says: / was claimed under \d+ after \d+$/,
  },
  {
    name: "what a losing attempt left in the vault stays there",
    edits: [
      {
        file: core("document/collect-vault.ts"),
        from: "await ports.objects.remove(one.key, one.versionId);",
        to: "",
      },
    ],
    injuries: ["kill processor at the vault", "kill processor at the vault", "kill processor at the vault"],
    documents: 24,
    found: "I5",
    says: / is an orphan of /,
    afterwards: true,
  },
  {
    name: "a worker that is told to stop ends with an error",
    edits: [
      {
        file: "packages/eks-workers/src/main.ts",
        from: "process.on(signal, () => stop.abort(signal))",
        to: "process.on(signal, () => process.exit(1))",
      },
    ],
    injuries: ["restart workers"],
    documents: 8,
    found: "P1",
    says: /^rolling restarts: 0, not 1$/,
    demands: { restarts: 1 },
  },
  {
    name: "no fault reaches the keys",
    edits: [
      {
        file: "packages/eks-workers/src/ports.ts",
        from: "return globalThis.strongroomChaos.wrap(await connectEmbedded(config, log));",
        to: `const calm = await connectEmbedded(config, log);
      return { ...globalThis.strongroomChaos.wrap(calm), keys: calm.keys };`,
      },
    ],
    injuries: ["kill relay"],
    documents: 24,
    found: "P1b",
    says: /^times that the fault "error" could have struck \(keys\): 0, not \d+$/,
    demands: { faults: faultsOf(24) },
  },
];
