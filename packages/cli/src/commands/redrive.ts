import type { DocumentView } from "@strongroom/core/api-shapes";
import { Command } from "commander";
import type { Client, RequestOf } from "../client.ts";
import { describeDocument } from "../describe-document.ts";
import { documentId } from "../document-id.ts";
import { ApiProblem } from "../problems.ts";
import { explainState } from "../words.ts";
import { answer, connect, type World } from "../world.ts";

const help = `
Examples:
  strongroom status --state failed               which there are
  strongroom redrive 0198f1c2-… --dry-run        what would become of this one
  strongroom redrive 0198f1c2-…                  send it its way again

Only a failed document is redriven, by an agent or an admin. Nothing is uploaded again: its files are still there.`;

/** `strongroom redrive`: sends a failed document its way again. */
export function redriveCommand(world: World): Command {
  return new Command("redrive")
    .description("Send a failed document its way again")
    .argument("<id>", "the document", documentId)
    .option("--dry-run", "only show where it is, and whether it would be redriven")
    .addHelpText("after", help)
    .action((id: string, { dryRun }: { dryRun?: true }) => redrive(world, id, dryRun === true));
}

/** The server has no trial run: its rule is that of the state, so the state is what is shown. */
async function redrive(world: World, id: string, dryRun: boolean): Promise<void> {
  const client = await connect(world);
  const request = { params: { id }, signal: world.signal };
  const { document } = await client.call("showDocument", request);
  if (!dryRun) {
    const redriven = await redriveOnce(client, request, document);
    return answer(world, { document: redriven }, describeDocument(redriven));
  }
  const wouldRedrive = document.state === "failed";
  const verdict = wouldRedrive
    ? "It would be sent its way again."
    : "It would be refused: it has not failed.";
  answer(world, { document, wouldRedrive }, [`${document.id}  ${explainState(document)}`, verdict]);
}

/** When the answer to a try is lost, the next one is refused: what was asked for is done. The timeline tells. */
async function redriveOnce(
  client: Client,
  request: RequestOf<"redriveDocument">,
  before: DocumentView,
): Promise<DocumentView> {
  try {
    return (await client.call("redriveDocument", request)).document;
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== "not_failed") throw error;
    const { document } = await client.call("showDocument", request);
    if (before.state !== "failed" || lastRedriven(document) === lastRedriven(before)) throw error;
    return document;
  }
}

const lastRedriven = ({ timeline }: DocumentView) =>
  timeline.findLast(({ action }) => action === "document.redriven")?.at;
