import { type BrokenBuild, core } from "./broken-build.ts";
import { toldWrong } from "./broken-told.ts";
import { faultsOf } from "./demands-of.ts";

/** Each breaks one rule of the design, as small as it can be. */
export const brokenBuilds: readonly BrokenBuild[] = [
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
  {
    name: "bells get lost, and nobody rings again for what fell silent",
    edits: [
      {
        file: core("job/ring-silent.ts"),
        from: "const silent = await listSilent(ports, most);",
        to: "const silent = (await listSilent(ports, most)).slice(0, 0);",
      },
      {
        file: core("job/ring-doorbell.ts"),
        from: "await ports.queue.send(queue, body, { delayMs, attributes });",
        to: "if (Math.random() < 0.7) await ports.queue.send(queue, body, { delayMs, attributes });",
      },
    ],
    injuries: ["kill main"],
    documents: 24,
    found: "quiet",
    says: /^not at rest after /,
  },
  ...toldWrong,
];
