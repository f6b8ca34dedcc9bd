import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import * as z from "zod";

const Secret = z.object({ username: z.string().min(1), password: z.string().min(1) });

/** User and password of the database's master as RDS keeps and rotates them: so they are read at the start of each run. */
export async function readOwnerSecret(options: {
  arn: string;
  region: string;
}): Promise<{ user: string; password: string }> {
  const client = new SecretsManagerClient({ region: options.region });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: options.arn }));
    const { username, password } = Secret.parse(JSON.parse(SecretString ?? "null"));
    return { user: username, password };
  } finally {
    client.destroy();
  }
}
