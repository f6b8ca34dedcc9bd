import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createSecret, readSecret } from "@strongroom/core/embedded/key-file";
import { Refusal } from "@strongroom/core/errors";
import { databaseRoles, type DatabaseRole } from "@strongroom/core/ports/database";
import * as z from "zod";

const hexKey = z.string().regex(/^[0-9a-f]{64}$/);
const Secrets = z.strictObject({
  /** Signs upload URLs. */
  uploadKey: hexKey,
  /** Signs read tickets. */
  ticketKey: hexKey,
  /** Passwords of the database roles. */
  passwords: z.record(z.enum(databaseRoles), z.string().min(20)),
});

/** Secrets of this installation that can be made anew; keys of documents lie elsewhere. */
export type Secrets = z.infer<typeof Secrets>;

/** Reads `<dataDirectory>/secrets.json` (0600), made at the first start. Throws a Refusal when the file is of no use. */
export async function openSecrets(dataDirectory: string): Promise<Secrets> {
  const path = join(dataDirectory, "secrets.json");
  await createSecret(path, `${JSON.stringify(makeSecrets(), null, 2)}\n`);
  const text = await readSecret(path).catch((error: Error) => {
    throw new Refusal("secrets_unusable", `${error.message}.`);
  });
  const secrets = Secrets.safeParse(parseJson(text!));
  if (secrets.success) return secrets.data;
  // Not what is wrong with it: that could hold a part of a secret.
  throw new Refusal(
    "secrets_unusable",
    `${path} is damaged. Delete it and start again: what it held is made anew, and no document depends on it.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function makeSecrets(): Secrets {
  const passwords = Object.fromEntries(
    databaseRoles.map((role) => [role, randomBytes(24).toString("base64url")]),
  );
  return {
    uploadKey: randomBytes(32).toString("hex"),
    ticketKey: randomBytes(32).toString("hex"),
    passwords: passwords as Record<DatabaseRole, string>,
  };
}
