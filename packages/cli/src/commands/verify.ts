import type { JwkSet, JwsFault } from "@strongroom/core/receipt/compact-jws";
import type { ReceiptClaims } from "@strongroom/core/receipt/receipt";
import { type ReceiptFault, verifyReceipt } from "@strongroom/core/receipt/verify-receipt";
import { type CertificateCheck, verifyCertificate } from "@strongroom/core/retention/certificate";
import { Command } from "commander";
import { digestFile } from "../declare-files.ts";
import { describeCertificate } from "../describe-certificate.ts";
import { describeReceipt, type FileCheck } from "../describe-receipt.ts";
import { exitCodes, UsageProblem } from "../problems.ts";
import { findKeys, type KeyOptions, readText } from "../public-keys.ts";
import { answer, type World } from "../world.ts";

const help = `
Examples:
  strongroom verify receipt.jws cmr-1.jpg cmr-2.jpg --keys keys.json           without any network
  strongroom verify receipt.jws cmr-1.jpg --url https://docs.example.com      with the keys that the server shows now
  strongroom verify certificate.jws --keys keys.json                          the certificate of an erased document
  curl -o keys.json https://docs.example.com/v1/receipt-keys                  keep the keys beside your receipts

Exit code 0: receipt or certificate is genuine and every file is on it. 1: it is not, or one of them is not.`;

/** `strongroom verify`: checks a receipt, and files against it, or a certificate of erasure. */
export function verifyCommand(world: World): Command {
  return new Command("verify")
    .description("Prove that files are what was stored, or that a document was erased")
    .argument("<receipt>", "receipt of strongroom read --receipt, or certificate of strongroom erase")
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
  if (check.outcome === "invalid" && check.reason === "wrong_type")
    return await verifyErasure(world, jws, paths, keys);
  if (check.outcome === "invalid") return answerFault(world, check.reason, receiptFaultWords[check.reason]);
  const files: FileCheck[] = [];
  for (const path of paths) files.push(await checkFile(path, check.claims, world.signal));
  const verified = files.every(({ positions }) => positions.length > 0);
  if (!verified) world.exitWith(exitCodes.refused);
  const reason = verified ? null : ("original_not_listed" satisfies ReceiptFault);
  answer(
    world,
    { verified, reason, receipt: check.claims, certificate: null, files },
    describeReceipt(check.claims, files, verified),
  );
}

/** What is no receipt may be a certificate of erasure; its header alone says which of them it claims to be. */
async function verifyErasure(world: World, jws: string, paths: string[], keys: JwkSet): Promise<void> {
  const check = await verifyCertificate(jws, keys);
  const isOther = check.outcome === "invalid" && check.reason === "wrong_type";
  if (!isOther && paths.length > 0)
    throw new UsageProblem(
      "This is a certificate of erasure, and no file can be compared with it. Give it alone.",
    );
  if (check.outcome === "invalid")
    return answerFault(world, check.reason, certificateFaultWords[check.reason]);
  answer(
    world,
    { verified: true, reason: null, receipt: null, certificate: check.claims, files: [] },
    describeCertificate(check.claims),
  );
}

function answerFault(world: World, reason: string, sentence: string): void {
  world.exitWith(exitCodes.refused);
  answer(world, { verified: false, reason, receipt: null, certificate: null, files: [] }, [
    `NOT VERIFIED: ${sentence}.`,
  ]);
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

/** Of a header that names no known kind, nothing else was looked at: nobody knows whether it is signed. */
const faultWords: Readonly<Record<Exclude<JwsFault, "bad_signature">, string>> = {
  malformed: "this is not a signed receipt or certificate, or it was damaged",
  wrong_type:
    "its header does not say that it is a receipt or a certificate of erasure; nothing else of it was checked",
  unknown_key: "the key that it names is not among the given ones",
};

const receiptFaultWords: Readonly<Record<ReceiptFault, string>> = {
  ...faultWords,
  bad_signature: "the signature does not fit: the receipt was altered, or is forged",
  not_a_receipt: "it is signed, but does not say what a receipt says",
  original_not_listed: "a file is not on it",
};

type CertificateFault = Extract<CertificateCheck, { outcome: "invalid" }>["reason"];

const certificateFaultWords: Readonly<Record<CertificateFault, string>> = {
  ...faultWords,
  bad_signature: "the signature does not fit: the certificate was altered, or is forged",
  not_a_certificate: "it is signed, but does not say what a certificate of erasure says",
};
