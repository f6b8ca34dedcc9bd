import { type BrokenBuild, core } from "./broken-build.ts";

/** Of what people are answered, shown and told, and of what is kept to prove it. */
export const toldWrong: readonly BrokenBuild[] = [
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
    name: "a phone is kept under another token",
    edits: [
      {
        file: core("user/register-device.ts"),
        from: "const token = { platform, push_token: pushToken };",
        to: "const token = { platform, push_token: `${pushToken}.` };",
      },
    ],
    injuries: ["kill notifier"],
    documents: 8,
    found: "P14",
    says: / was registered, and is nowhere$/,
  },
  {
    name: "nobody is shown what was rejected",
    edits: [
      {
        file: core("document/list-documents.ts"),
        from: `selectDocuments(tx).where("state", "<>", "erased");`,
        to: `selectDocuments(tx).where("state", "<>", "erased").where("state", "<>", "rejected");`,
      },
    ],
    injuries: ["kill processor"],
    documents: 60, // one in twenty is rejected
    found: "I9",
    says: / is not in its owner's list$/,
  },
  {
    name: "the audit's chain does not cover what an entry tells",
    edits: [
      {
        file: core("audit/chain.ts"),
        from: "const covered: Json = { tenantId, id, at, actor, action, subject, detail };",
        to: "const covered: Json = { tenantId, id, at, actor, action, subject };",
      },
    ],
    injuries: ["kill relay"],
    documents: 8,
    found: "P12",
    says: / was edited$/,
  },
];
