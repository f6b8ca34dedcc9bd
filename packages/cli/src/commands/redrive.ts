import { Command } from "commander";
import { describeDocument } from "../describe-document.ts";
import { documentId } from "../document-id.ts";
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
  if (!dryRun) {
    const { document } = await client.call("redriveDocument", request);
    return answer(world, { document }, describeDocument(document));
  }
  const { document } = await client.call("showDocument", request);
  const wouldRedrive = document.state === "failed";
  const verdict = wouldRedrive
    ? "It would be sent its way again."
    : "It would be refused: it has not failed.";
  answer(world, { document, wouldRedrive }, [`${document.id}  ${explainState(document)}`, verdict]);
}
