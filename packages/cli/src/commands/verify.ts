import type { ReceiptClaims } from "@strongroom/core/receipt/receipt";
import { type ReceiptFault, verifyReceipt } from "@strongroom/core/receipt/verify-receipt";
import { Command } from "commander";
import { digestFile } from "../declare-files.ts";
import { exitCodes, UsageProblem } from "../problems.ts";
import { findKeys, type KeyOptions, readText } from "../public-keys.ts";
import { formatBytes, formatMoment } from "../words.ts";
import { answer, type World } from "../world.ts";

const help = `
Examples:
  strongroom verify receipt.jws cmr-1.jpg cmr-2.jpg --keys keys.json           without any network
  strongroom verify receipt.jws cmr-1.jpg --url https://docs.example.com      with the keys that the server shows now
  curl -o keys.json https://docs.example.com/v1/receipt-keys                  keep the keys beside your receipts

Exit code 0: the receipt is genuine and every file is a page of it. 1: it is not, or one of them is not.`;

type FileCheck = { path: string; sizeBytes: number; sha256: string; positions: number[] };

/** `strongroom verify`: checks a receipt, and files against it. */
export function verifyCommand(world: World): Command {
  return new Command("verify")
    .description("Prove that files are what was stored")
    .argument("<receipt>", "receipt, as fetched with strongroom read --receipt")
    .argument("[files...]", "photos, scans or PDFs that should be on it")
    .option("--keys <file>", "public keys (a JWK Set): works offline")
    .option("--url <url>", "server to get the public keys from (default: the one you are logged in to)")
    .addHelpText("after", help)
    .action((receipt: string, paths: string[], options: KeyOptions) =>
      verify(world, receipt, paths, options),
    );
}

async function verify(
  world: World,
  receiptPath: string,
  paths: string[],
  options: KeyOptions,
): Promise<void> {
  const jws = (await readText(receiptPath)).trim();
  const keys = await findKeys(world, options);
  const check = await verifyReceipt(jws, keys);
  if (check.outcome === "invalid") {
    world.exitWith(exitCodes.refused);
    return answer(world, { verified: false, reason: check.reason, receipt: null, files: [] }, [
      `NOT VERIFIED: ${faultWords[check.reason]}.`,
    ]);
  }
  const files: FileCheck[] = [];
  for (const path of paths) files.push(await checkFile(path, check.claims, world.signal));
  const verified = files.every(({ positions }) => positions.length > 0);
  if (!verified) world.exitWith(exitCodes.refused);
  const reason = verified ? null : ("original_not_listed" satisfies ReceiptFault);
  answer(world, { verified, reason, receipt: check.claims, files }, describe(check.claims, files, verified));
}

async function checkFile(
  path: string,
  { originals }: ReceiptClaims,
  signal: AbortSignal,
): Promise<FileCheck> {
  const { sizeBytes, sha256 } = await digestFile(path, signal).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new UsageProblem(`There is no file ${path}.`, { cause: error }) : error;
  });
  const same = originals.filter((one) => one.sha256 === sha256 && one.sizeBytes === sizeBytes);
  return { path, sizeBytes, sha256, positions: same.map(({ position }) => position) };
}

function describe(claims: ReceiptClaims, files: readonly FileCheck[], verified: boolean): string[] {
  const count = claims.originals.length;
  const shown = new Set(files.flatMap(({ positions }) => positions));
  const absent = claims.originals
    .filter(({ position }) => !shown.has(position))
    .map(({ position }) => position);
  return [
    verified
      ? `VERIFIED: the receipt is genuine${files.length > 0 ? ", and every file is on it" : ""}.`
      : "NOT VERIFIED: the receipt is genuine, but not every file is on it.",
    `  document ${claims.document}, ${claims.kind}${claims.loadNumber === null ? "" : `, load ${claims.loadNumber}`}, confirmation code ${claims.confirmationCode}`,
    `  received ${formatMoment(claims.receivedAt)}, stored ${formatMoment(claims.storedAt)}, signed by ${claims.iss}`,
    ...files.map(({ path, sizeBytes, positions }) =>
      positions.length > 0
        ? `  ${path} is page ${positions.join(" and ")} of ${count}, ${formatBytes(sizeBytes)}, byte for byte`
        : `  ${path} is NOT on this receipt: it is another file, or was changed`,
    ),
    ...(absent.length > 0 ? [`  not compared: page ${absent.join(", ")} of ${count}`] : []),
  ];
}

const faultWords: Readonly<Record<ReceiptFault, string>> = {
  malformed: "this is not a signed receipt, or it was damaged",
  wrong_type: "this is signed, but it is not a receipt",
  unknown_key: "it was signed with a key that is not among the given ones",
  bad_signature: "the signature does not fit: the receipt was altered, or is forged",
  not_a_receipt: "it is signed, but does not say what a receipt says",
  original_not_listed: "a file is not on it",
};
