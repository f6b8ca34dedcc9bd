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
    .option("--until <moment>", "when the hold ends by itself (ISO 8601, UTC); without it, when it is lifted")
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
  const { document } = await client.call("holdDocument", {
    params: { id },
    body: body.data,
    signal: world.signal,
  });
  const held = describeHold(document, lift === true, world.now());
  answer(world, { document }, [held, ...describeDocument(document)]);
}

/** Whether the document is held: a hold whose end has passed stays in its view, and holds nothing. */
function describeHold({ legalHold, heldUntil }: DocumentView, lifted: boolean, now: Date): string {
  const lasts = heldUntil !== null && Date.parse(heldUntil) > now.getTime();
  const end = legalHold ? "until it is lifted" : lasts ? `until ${formatMoment(heldUntil)}` : null;
  if (!lifted) return end === null ? "Not held: the end of this hold has passed." : `Held ${end}.`;
  return end === null ? "Lifted: nothing holds it any more." : `Lifted; another hold lasts ${end}.`;
}
