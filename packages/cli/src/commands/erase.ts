import { type CertificateClaims, verifyCertificate } from "@strongroom/core/retention/certificate";
import { Command } from "commander";
import { describeErased } from "../describe-certificate.ts";
import { documentId } from "../document-id.ts";
import { writePrivateFile } from "../private-file.ts";
import { LocalProblem, UsageProblem } from "../problems.ts";
import { formatMoment } from "../words.ts";
import { answer, connect, type World } from "../world.ts";

const help = `
Examples:
  strongroom erase 0198f1c2-… --yes -o certificate.jws     the document is gone, the certificate says so
  strongroom erase 0198f1c2-… --yes -o certificate.jws     again: the same certificate
  strongroom verify certificate.jws --keys keys.json       anybody, at any time, without any network

Refused under a hold. Nobody can take it back, and a restored backup is erased again.`;

type Options = { yes?: true; out?: string };

/** `strongroom erase`: erases a document for good and keeps the certificate of it. */
export function eraseCommand(world: World): Command {
  return new Command("erase")
    .description("Erase a document for good, against a certificate")
    .argument("<id>", "document", documentId)
    .option("--yes", "it cannot be taken back, and I mean it")
    .option("-o, --out <file>", "where to write the certificate")
    .addHelpText("after", help)
    .action((id: string, options: Options) => erase(world, id, options));
}

async function erase(world: World, id: string, { yes, out }: Options): Promise<void> {
  if (!yes)
    throw new UsageProblem(`Nobody can bring ${id} back once it is erased. If you mean it, add --yes.`);
  const { signal } = world;
  const client = await connect(world);
  const certificate = await client.call("eraseDocument", { params: { id }, signal });
  if (out !== undefined) await writePrivateFile(out, `${certificate}\n`);
  const check = await verifyCertificate(certificate, await client.call("receiptKeys", { signal }));
  if (check.outcome === "invalid" || check.claims.document !== id) {
    const reason = check.outcome === "invalid" ? check.reason : "another_document";
    throw new LocalProblem(
      "certificate_invalid",
      `The server answered with a certificate that does not hold (${reason}). Ask who runs it.`,
    );
  }
  answer(world, { certificate, claims: check.claims }, describe(check.claims, out ?? null, certificate));
}

function describe(claims: CertificateClaims, out: string | null, certificate: string): string[] {
  return [
    `ERASED: document ${claims.document}, at ${formatMoment(claims.erasedAt)}, asked for by ${claims.erasedBy}.`,
    ...describeErased(claims),
    out === null ? `  certificate: ${certificate}` : `  certificate: ${out}`,
  ];
}
