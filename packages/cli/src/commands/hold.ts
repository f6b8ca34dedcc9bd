import { type DocumentView, HoldRequest, holdReasons } from "@strongroom/core/api-shapes";
import { Command, Option } from "commander";
import { describeDocument } from "../describe-document.ts";
import { documentId } from "../document-id.ts";
import { UsageProblem } from "../problems.ts";
import { formatMoment } from "../words.ts";
import { answer, connect, type World } from "../world.ts";

const help = `
Examples:
  strongroom hold 0198f1c2-… --reason claim --reference CASE-2026/17
  strongroom hold 0198f1c2-… --reason audit --until 2027-06-30T00:00:00Z
  strongroom hold 0198f1c2-… --lift --reason closed --reference CASE-2026/17

Each reference has a hold of its own, and one without is one more: a hold is changed and lifted by the reference that it was set with.
Reason and reference stay in the audit for good: no names there.`;

type Options = { reason: HoldRequest["reason"]; reference?: string; until?: string; lift?: true };

/** `strongroom hold`: keeps a document from being erased, or lifts that. */
export function holdCommand(world: World): Command {
  return new Command("hold")
    .description("Keep a document from being erased")
    .argument("<id>", "document", documentId)
    .addOption(new Option("--reason <reason>", "why").choices(holdReasons).makeOptionMandatory())
    .option("--reference <number>", "number of the case, the claim or the letter")
    .option(
      "--until <moment>",
      "when the hold ends by itself (ISO 8601 with Z or an offset); without it, when it is lifted",
    )
    .option("--lift", "lift the hold")
    .addHelpText("after", help)
    .action((id: string, options: Options) => hold(world, id, options));
}

async function hold(world: World, id: string, { reason, reference, until, lift }: Options): Promise<void> {
  if (lift && until !== undefined)
    throw new UsageProblem("A hold that is lifted has no end: leave out --until.");
  const body = HoldRequest.safeParse({ held: !lift, reason, reference, until });
  if (!body.success) {
    const [issue] = body.error.issues;
    throw new UsageProblem(`--${String(issue!.path[0])}: ${issue!.message}.`);
  }
  const client = await connect(world);
  const request = { params: { id }, signal: world.signal };
  const before = lift ? (await client.call("showDocument", request)).document : null;
  const { document } = await client.call("holdDocument", { ...request, body: body.data });
  const done = { document, lifted: lift === true, missed: before !== null && !hasHold(before, reference) };
  answer(world, { document }, [describeHold(done, reference, world.now()), ...describeDocument(document)]);
}

/** Whether a hold of this reference is there to be lifted, which the answer to that does not tell; a server that names none may have it. */
function hasHold({ holds }: DocumentView, reference: string | undefined): boolean {
  return holds === null || holds.some((one) => one.reference === (reference ?? null));
}

type Done = { document: DocumentView; lifted: boolean; missed: boolean };

/** Whether the document is held: a hold whose end has passed stays in its view, and holds nothing. */
function describeHold({ document, lifted, missed }: Done, reference: string | undefined, now: Date): string {
  const { legalHold, heldUntil } = document;
  const lasts = heldUntil !== null && Date.parse(heldUntil) > now.getTime();
  const end = legalHold ? "until it is lifted" : lasts ? `until ${formatMoment(heldUntil)}` : null;
  if (!lifted) return end === null ? "Not held: the end of this hold has passed." : `Held ${end}.`;
  if (missed) {
    const which = reference === undefined ? "without a reference" : `of the reference ${reference}`;
    return `Nothing was lifted: there is no hold ${which}. ${end === null ? "Nothing holds it." : `Another one lasts ${end}.`}`;
  }
  return end === null ? "Lifted: nothing holds it any more." : `Lifted; another hold lasts ${end}.`;
}
