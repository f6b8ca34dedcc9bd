import { randomBytes } from "node:crypto";
import { constants, link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The text of a secret file; null when there is none. Throws when anybody but its owner may read or change it. */
export async function readSecret(path: string): Promise<string | null> {
  const file = await open(path, constants.O_RDONLY).catch(unlessAbsent);
  if (file === null) return null;
  try {
    const mode = (await file.stat()).mode & 0o777;
    if ((mode & ~0o600) !== 0) {
      throw new Error(
        `${path} has mode ${mode.toString(8)}, and others might read it: run chmod 600 on it and start again`,
      );
    }
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

function unlessAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

/** Writes a file of mode 0600, whole and durable when it resolves; false, and nothing changed, when the name is taken. */
export async function createSecret(path: string, text: string): Promise<boolean> {
  // link, unlike rename, never replaces: of two that start at once one wins, and nobody sees half a file.
  return withDraft(path, text, (draft) => link(draft, path).then(() => true, unlessTaken));
}

function unlessTaken(error: NodeJS.ErrnoException): false {
  if (error.code === "EEXIST") return false;
  throw error;
}

/** As `createSecret`, but takes the place of the file that bears the name. */
export async function replaceSecret(path: string, text: string): Promise<void> {
  await withDraft(path, text, (draft) => rename(draft, path));
}

async function withDraft<T>(path: string, text: string, place: (draft: string) => Promise<T>): Promise<T> {
  const draft = join(dirname(path), `.draft-${randomBytes(8).toString("hex")}`);
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return await place(draft);
  } finally {
    await rm(draft, { force: true });
    await syncDirectory(dirname(path));
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
