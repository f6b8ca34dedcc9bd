import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  createReceiptKey,
  readReceiptKey,
  readRetiredKeys,
  replaceReceiptKey,
} from "@strongroom/core/embedded/receipt-key";
import { addRootKey, readRootKeys } from "@strongroom/core/embedded/root-key";
import { Refusal } from "@strongroom/core/errors";
import { openDataDirectory } from "./data-directory.ts";

const usage = `Shows the keys of a data directory (STRONGROOM_DATA, or ./data), or makes a new one, while nothing runs on it.

  npm run -s keys                      each key, and what it is for
  npm run -s keys -- --new root        wraps the keys of all new documents; the old ones go on opening theirs
  npm run -s keys -- --new receipt     signs all new receipts; the old one's public half stays, to verify the others
`;

/** A receipt key that was lost for good leaves no public half. */
const newReceiptKey = async (directory: string) =>
  (await createReceiptKey(directory)) || (await replaceReceiptKey(directory));

const makers = { root: addRootKey, receipt: newReceiptKey };
const isKind = (kind: string): kind is keyof typeof makers => Object.hasOwn(makers, kind);

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === "help") return void process.stdout.write(usage);
  const path = resolve(process.env.STRONGROOM_DATA || "data");
  const directory = join(path, "keys");
  if (!(await stat(directory).catch(() => null)))
    throw new Refusal(
      "no_keys",
      `There are no keys in ${path}. npm start makes them, or STRONGROOM_DATA names another directory.`,
    );
  const held = await openDataDirectory(path); // a process that runs would not know the new key
  try {
    if (wanted !== null) await makers[wanted](directory);
    process.stdout.write(await describe(directory));
    if (wanted !== null)
      process.stdout.write(`\nUsed from the next start on. Copy ${directory} to its safe place again now.\n`);
  } finally {
    await held.letGo();
  }
}

function readArguments(): keyof typeof makers | "help" | null {
  try {
    const { values } = parseArgs({ options: { new: { type: "string" }, help: { type: "boolean" } } });
    if (values.help) return "help";
    if (values.new === undefined || isKind(values.new)) return values.new ?? null;
  } catch {
    // an option that is not there, or has no value: told below
  }
  throw new Refusal("usage", usage.trimEnd());
}

/** A line for each key, in the order of its use; nothing of a secret half. */
async function describe(directory: string): Promise<string> {
  const roots = await readRootKeys(directory);
  const signing = await readReceiptKey(directory);
  const retired = (await readRetiredKeys(directory)).filter(({ kid }) => kid !== signing?.publicKey.kid);
  const lines = [
    ...roots.map(({ keyId, createdAt }, at) => [
      "root",
      keyId,
      `${at === 0 ? "wraps and opens" : "opens"}, made ${createdAt}`,
    ]),
    ...(signing ? [["receipt", signing.publicKey.kid, "signs and verifies"]] : []),
    ...retired.map(({ kid }) => ["receipt", kid, "verifies"]),
  ];
  return lines.map(([kind, id, use]) => `${kind!.padEnd(8)} ${id!.padEnd(44)} ${use}\n`).join("");
}

try {
  await main();
} catch (error) {
  // Whatever is wrong with a key file is said in words of its own, never with its content.
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
