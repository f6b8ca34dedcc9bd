import { join } from "node:path";
import { withClient } from "@strongroom/core/database/roles";
import { firstRootKeyPath } from "@strongroom/core/embedded/root-key";
import { Refusal } from "@strongroom/core/errors";
import type { Connection } from "@strongroom/core/ports/database";
import { databaseDirectory, namesIn } from "./data-directory.ts";
import { refuseLostRootKey } from "./root-key-check.ts";

/**
 * Throws a Refusal when the database of our own is not where it lay, and what belongs to it still is. Without this look a
 * start would make an empty one in silence, to which all that was sealed is unknown. Comes before anything is made.
 */
export async function refuseLostDatabase(dataDirectory: string): Promise<void> {
  const place = databaseDirectory(dataDirectory);
  if ((await namesIn(place)).length > 0) return;
  const left = await whatIsLeft(dataDirectory);
  if (left === null) return;
  throw new Refusal(
    "database_missing",
    `${place} is missing or empty, but ${left} belongs to the database that lay there. Is its disk mounted? ` +
      "Bring it back, or its copy (docs/runbooks/restore.md), and start again; if it lies on a server of your own, name that " +
      "with DATABASE_URL. To begin anew, choose another data directory with STRONGROOM_DATA.",
    { status: 409 },
  );
}

/**
 * Throws a Refusal when the server of DATABASE_URL is not the one that belongs to this data directory: it never had a database
 * of ours, and objects beside us belong to one; or it has one whose root keys are not here. Comes before anything is made
 * there: new passwords of the roles would shut out the Strongroom that runs on it.
 */
export async function refuseForeignServer(
  superuser: Connection,
  database: string,
  dataDirectory: string,
): Promise<void> {
  if (await hasOurs(superuser, database))
    return await refuseLostRootKey({ ...superuser, database }, join(dataDirectory, "keys"));
  const left = await objectsLeft(dataDirectory);
  if (left === null) return;
  throw new Refusal(
    "database_missing",
    `The server of DATABASE_URL (${superuser.host}:${superuser.port}) has no database “${database}” of ours, or an empty one, ` +
      `but ${left} belongs to one. Is it the right server? Bring the database back there (docs/runbooks/restore.md), and ` +
      "start again. To begin anew, choose another data directory with STRONGROOM_DATA.",
    { status: 409 },
  );
}

async function hasOurs(superuser: Connection, database: string): Promise<boolean> {
  const isThere = await isTrue(
    superuser,
    "select exists (select from pg_database where datname = $1) as is",
    database,
  );
  return (
    isThere &&
    (await isTrue({ ...superuser, database }, "select to_regclass($1) is not null as is", "public.document"))
  );
}

const isTrue = (connection: Connection, query: string, value: string): Promise<boolean> =>
  withClient(connection, async (client) => (await client.query<{ is: boolean }>(query, [value])).rows[0]!.is);

/** A directory of objects that is not empty; null when there is none. */
async function objectsLeft(dataDirectory: string): Promise<string | null> {
  for (const area of ["vault", "tombstones", "staging"]) {
    const path = join(dataDirectory, "objects", area);
    if ((await namesIn(path)).length > 0) return path;
  }
  return null;
}

/** What was made only beside a database: objects, or keys where there is the password too, which is our own server's alone. */
async function whatIsLeft(dataDirectory: string): Promise<string | null> {
  const objects = await objectsLeft(dataDirectory);
  if (objects !== null) return objects;
  const keys = join(dataDirectory, "keys");
  const rootKey = firstRootKeyPath(keys);
  const hadOwn = (await namesIn(dataDirectory)).includes("postgres-password");
  return hadOwn && (await namesIn(keys)).some((name) => join(keys, name) === rootKey) ? keys : null;
}

/** Throws a Refusal when our own server does not take the kept password: its file is that of another directory, or another backup. */
export async function refuseWrongPassword(superuser: Connection, dataDirectory: string): Promise<void> {
  await withClient(superuser, async () => {}).catch((error: Error & { code?: string }) => {
    if (error.code !== "28P01") throw error;
    const path = join(dataDirectory, "postgres-password");
    throw new Refusal(
      "postgres_password_wrong",
      `${path} does not hold the password of the database beside it. Bring back the file that belongs to it from your backup ` +
        "(it lies in the same one as the database), and start again.",
    );
  });
}
