import { spawnSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@strongroom/cli/client";
import { downloadArtefact } from "@strongroom/cli/download-artefact";
import { followDocument } from "@strongroom/cli/follow-document";
import { uploadDocument, type UploadOrder } from "@strongroom/cli/upload-document";
import { systemIds } from "@strongroom/core/ids";
import type { Connection } from "@strongroom/core/ports/database";
import { padJpeg } from "@strongroom/local/test-files";
import { type MainProcess, startMain } from "@strongroom/local/test-main";
import { untilNone } from "@strongroom/local/test-processes";
import { stubborn } from "@strongroom/local/test-whole";

const root = join(import.meta.dirname, "../..");
const photo = join(root, "packages/local/samples/delivery-note.jpg");
const verifier = join(root, "proof/check/verify-receipt.ts");

/** `npm start` on a data directory, and who to be there. */
export type Machine = { data: string; main: MainProcess; url: string; as(name: string): Client };

/** What the two archives of a backup hold, as the runbook has it; uploads on their way and tombstones are in none. */
const archives = {
  "backup.tar": ["postgres", "postgres-password", "secrets.json", "issuer-key.json", "objects/vault"],
  "keys.tar": ["keys"],
};

export async function startMachine(data: string): Promise<Machine> {
  const environment = { STRONGROOM_DATA: data, STRONGROOM_PORT: "0", STRONGROOM_JOBS: "1" };
  const main = startMain({ environment });
  const greeting = await main.greeting;
  const { url } = greeting;
  return {
    data,
    main,
    url,
    as: (name) => createClient({ url, token: greeting.tokenOf(name), patience: stubborn }),
  };
}

export async function stopMachine({ main }: Machine): Promise<void> {
  main.child.kill("SIGTERM");
  await main.ended;
}

/** Its processes die, and nobody says goodbye. */
export async function killMachine({ main, data }: Machine): Promise<void> {
  const [postgres] = (await readFile(join(data, "postgres/data/postmaster.pid"), "utf8")).split("\n");
  main.child.kill("SIGKILL");
  process.kill(Number(postgres), "SIGKILL");
  await main.ended;
  await untilNone(data);
}

/** Copies part of a data directory, with owners, modes and times. */
export async function lay(part: string, from: string, to: string): Promise<void> {
  await mkdir(join(to, part, ".."), { recursive: true, mode: 0o711 });
  run("cp", "-a", "-T", join(from, part), join(to, part));
}

/** A backup of a machine that stands still. */
export async function backUp(data: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const [archive, parts] of Object.entries(archives))
    run("tar", "-C", data, "-chf", join(to, archive), ...parts);
}

/** Step 2 of the runbook (docs/runbooks/restore.md), line by line: a new directory, from a backup and what is left of the old disk. */
export async function restore(
  data: string,
  { backup, lost }: { backup: string; lost: string },
): Promise<void> {
  const objects = join(data, "objects");
  await mkdir(data, { mode: 0o711 });
  await mkdir(objects, { mode: 0o700 });
  run("cp", "-a", join(lost, "objects/tombstones"), objects);
  for (const archive of Object.keys(archives)) run("tar", "-C", data, "-xpf", join(backup, archive));
  run("cp", "-a", join(lost, "objects/staging"), objects);
  run("cp", "-an", join(lost, "objects/vault"), objects);
}

function run(command: string, ...input: string[]): void {
  const { status, stderr } = spawnSync(command, input);
  if (status !== 0) throw new Error(`${command} ${input.join(" ")} failed: ${stderr.toString()}`);
}

/** Sends a document of so many bytes per page and waits until it is stored. */
export async function store(
  client: Client,
  home: string,
  pages: number[],
  more: Partial<UploadOrder> = {},
): Promise<UploadOrder> {
  const id = systemIds.uuid();
  const bytes = await readFile(photo);
  const paths = await Promise.all(
    pages.map(async (sizeBytes, index) => {
      const path = join(home, `${id}-${index + 1}.jpg`);
      await writeFile(path, padJpeg(bytes, sizeBytes));
      return path;
    }),
  );
  const order = { id, kind: "cmr", paths, ...more };
  await uploadDocument(client, order);
  await followDocument(client, id);
  return order;
}

/**
 * What is wrong with a stored document, by what its sender kept: each original must be the file that was sent, byte for
 * byte, and the receipt hold over all of them for the independent verifier. Empty when all is well.
 */
export async function faultsOf(client: Client, order: UploadOrder, home: string): Promise<string[]> {
  const { document } = await client.call("showDocument", { params: { id: order.id } });
  if (document.state !== "stored") return [`${order.id} is ${document.state}`];
  const faults: string[] = [];
  for (const [index, path] of order.paths.entries()) {
    const artefact = document.artefacts.find(({ name }) => name === `original-${index + 1}`)!;
    const read = join(home, "read.jpg");
    await downloadArtefact(client, order.id, artefact, read, new AbortController().signal);
    if (!(await readFile(read)).equals(await readFile(path))) faults.push(`${path} is not what was sent`);
    await rm(read);
  }
  return [...faults, ...(await faultsOfReceipt(client, order, home))];
}

async function faultsOfReceipt(client: Client, order: UploadOrder, home: string): Promise<string[]> {
  const receipt = join(home, `${order.id}.jws`);
  await writeFile(receipt, await client.call("readReceipt", { params: { id: order.id } }));
  const said = verify(receipt, home, order.paths);
  return said.startsWith("The receipt holds") ? [] : [said];
}

/** What the independent verifier says of a receipt, with the keys that were kept in `home`. */
export function verify(receipt: string, home: string, paths: readonly string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [
    verifier,
    receipt,
    join(home, "keys.json"),
    ...paths,
  ]);
  return `${stdout.toString()}${stderr.toString()}`.trim();
}

export async function keepKeys(client: Client, home: string): Promise<void> {
  await writeFile(join(home, "keys.json"), JSON.stringify(await client.call("receiptKeys", {})));
}

/** Who may see everything in the database of a running system. */
export async function superuserOf(data: string): Promise<Connection> {
  const password = (await readFile(join(data, "postgres-password"), "utf8")).trim();
  const port = Number((await readFile(join(data, "postgres/data/postmaster.pid"), "utf8")).split("\n")[3]);
  return { host: "127.0.0.1", port, database: "strongroom", user: "postgres", password };
}
