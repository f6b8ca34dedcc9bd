import { systemIds } from "@strongroom/core/ids";
import type { Client } from "./client.ts";
import { checkLimits, declareFiles } from "./declare-files.ts";
import { UsageProblem } from "./problems.ts";
import { findSame, listUnfinished, type UnfinishedUpload } from "./unfinished-uploads.ts";
import type { World } from "./world.ts";

/** What a person says about the documents to upload. */
export type Choices = { kind?: string; load?: string; note?: string; replaces?: string; separate?: true };

/** One document to upload; `resumed`: an earlier run began it. */
export type Order = { upload: UnfinishedUpload; resumed: boolean };

/** Orders for files: one document of all, or one of each. Files whose upload was cut off continue that one. */
export async function orderNew(
  world: World,
  client: Client,
  paths: readonly string[],
  choices: Choices,
): Promise<Order[]> {
  if (paths.length === 0) throw new UsageProblem("Name the files to upload. See: strongroom upload --help");
  const { kind, load: loadNumber = null, note = null, replaces = null } = choices;
  if (kind === undefined) throw new UsageProblem("Say what kind of document it is: --kind cmr, for example.");
  const groups = choices.separate ? paths.map((path) => [path]) : [paths];
  for (const group of groups) await checkLimits(group);
  const unfinished = await listUnfinished(world.settings.uploadsDirectory);
  const orders: Order[] = [];
  for (const group of groups) {
    const files = await declareFiles(group, world.signal);
    const startedAt = world.now().toISOString();
    const wanted = {
      id: systemIds.uuid(),
      server: client.url,
      startedAt,
      kind,
      loadNumber,
      note,
      replaces,
      files,
    };
    orders.push(continueSame(unfinished, wanted));
  }
  return orders;
}

/** The earlier upload of the same content, read from where the files are now; its request stays as it was sent. */
function continueSame(unfinished: readonly UnfinishedUpload[], wanted: UnfinishedUpload): Order {
  const same = findSame(unfinished, wanted);
  if (same === null) return { upload: wanted, resumed: false };
  const files = same.files.map(({ declaration }, page) => ({ ...wanted.files[page]!, declaration }));
  return { upload: { ...same, files }, resumed: true };
}

/** The order of one upload that was cut off. */
export async function orderAgain(
  world: World,
  client: Client,
  paths: readonly string[],
  id: string,
): Promise<Order[]> {
  if (paths.length > 0) throw new UsageProblem("--resume knows its files: give the document id alone.");
  const uploads = await listUnfinished(world.settings.uploadsDirectory);
  const found = uploads.find((upload) => upload.id === id.toLowerCase());
  if (found === undefined) {
    throw new UsageProblem(`There is no unfinished upload ${id}. List them with: strongroom upload --resume`);
  }
  if (found.server !== client.url) {
    throw new UsageProblem(`That upload goes to ${found.server}, and you are logged in at ${client.url}.`);
  }
  return [{ upload: found, resumed: true }];
}
