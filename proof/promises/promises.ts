/**
 * What proves a promise: suites of `npm test`, or a command that records its last result under its own name; `gate` is the
 * option with which it shows that it is able to fail, recorded beside it. A command that judges many things is a proof by
 * the `verdicts` that are of this promise.
 */
export type Proof =
  | { suites: readonly string[] }
  | {
      command: "simulate" | "chaos" | "toxic" | "load" | "soak" | "bench" | "rehearse-restore";
      gate?: "broken";
      verdicts?: readonly string[];
    };
export type PromiseMade = { id: string; says: string; proofs: readonly Proof[] };

const core = "packages/core/src";
const local = "packages/local/src";

/** Every promise that Strongroom makes, in the order of their numbers, each with whatever proves it. */
export const promises: readonly PromiseMade[] = [
  {
    id: "P1",
    says: "No accepted document is lost or doubled",
    proofs: [
      { command: "chaos", verdicts: ["P1", "P1b", "I1", "I3", "I4", "quiet"] },
      { command: "chaos", gate: "broken" },
      { command: "simulate" },
      { suites: [`${local}/kill.test.ts`] },
    ],
  },
  {
    id: "P2",
    says: "Stored is what was uploaded, bit for bit",
    proofs: [
      { command: "chaos", verdicts: ["I2", "I5", "P2", "P2b"] },
      { command: "chaos", gate: "broken" },
      {
        suites: [
          `${core}/document/sealing.test.ts`,
          `${core}/document/read-document.test.ts`,
          "proof/check/check.test.ts",
          "proof/check/vault-object.test.ts",
          "proof/vault/",
        ],
      },
    ],
  },
  {
    id: "P3",
    says: "No plaintext at rest outside staging, and staging empties",
    proofs: [{ suites: ["proof/canary/"] }],
  },
  {
    id: "P4",
    says: "Events come at least once, in order per document, and none is a phantom",
    proofs: [
      { command: "chaos", verdicts: ["I7", "P4"] },
      { command: "chaos", gate: "broken" },
      { command: "simulate" },
      { suites: [`${core}/event/relay-events.test.ts`, "proof/outage/idle-transaction.test.ts"] },
    ],
  },
  {
    id: "P5",
    says: "A worker that lost its lease has no effect",
    proofs: [
      { command: "chaos", verdicts: ["I8", "P5"] },
      { command: "chaos", gate: "broken" },
      { command: "simulate" },
      { suites: [`${core}/job/hold-lease.test.ts`] },
    ],
  },
  {
    id: "P6",
    says: "Late and hostile uploads are harmless",
    proofs: [
      { command: "chaos", verdicts: ["I6", "P6"] },
      { command: "chaos", gate: "broken" },
      { suites: [`${core}/embedded/object-server.test.ts`] },
    ],
  },
  {
    id: "P7",
    says: "Poison is contained",
    proofs: [
      { command: "toxic" },
      { command: "toxic", gate: "broken" },
      { suites: ["packages/eks-workers/src/render/hostile.test.ts", "proof/toxic/"] },
    ],
  },
  { id: "P8", says: "A backlog drains, and tenants are served fairly", proofs: [{ command: "load" }] },
  {
    id: "P9",
    says: "What depends on something that is down is bounded and honest",
    proofs: [
      { command: "chaos", verdicts: ["P9", "P9b"] },
      { command: "chaos", gate: "broken" },
      { suites: ["packages/functions/src/middleware.test.ts", "proof/outage/"] },
    ],
  },
  { id: "P10", says: "Fast", proofs: [{ command: "bench" }, { command: "load" }, { command: "soak" }] },
  {
    id: "P11",
    says: "Tenants are isolated, whole",
    proofs: [{ suites: ["proof/isolation/", `${core}/database/row-level-security.test.ts`] }],
  },
  {
    id: "P12",
    says: "The audit is complete, and whoever changes it is found out",
    proofs: [
      { command: "chaos", verdicts: ["P12", "P12b"] },
      { command: "chaos", gate: "broken" },
      { suites: ["proof/audit/", `${core}/audit/`] },
    ],
  },
  { id: "P13", says: "Erasure erases, and a hold holds", proofs: [{ suites: ["proof/erasure/"] }] },
  {
    id: "P14",
    says: "One visible push per version of a document, and never content",
    proofs: [
      { command: "chaos", verdicts: ["I9", "P14"] },
      { command: "chaos", gate: "broken" },
      { suites: [`${core}/notice/notify-user.test.ts`] },
    ],
  },
  {
    id: "P15",
    says: "Restart, upgrade and restore lose nothing that they do not name",
    proofs: [
      { command: "rehearse-restore" },
      {
        suites: [
          `${local}/main.test.ts`,
          `${core}/database/migrate-database.test.ts`,
          `${core}/upload/adopt-staging.test.ts`,
          "proof/restore/",
          "proof/upgrade/",
          "proof/erasure/",
        ],
      },
    ],
  },
  { id: "P16", says: "The protocol is right", proofs: [{ command: "simulate" }] },
];
