import { Signer, type SignerConfig } from "@aws-sdk/rds-signer";
import type { AwsDatabase } from "../config.ts";
import { createPostgresDatabase, type DatabaseAccess } from "../database/postgres-database.ts";
import { roleName } from "../database/roles.ts";
import type { Database } from "../ports/database.ts";

type Options = {
  database: AwsDatabase;
  region: string;
  maxConnections: number;
  /** Authorities in PEM that the server's certificate is held against, instead of those that Node.js trusts. */
  ca: string | null;
  keepsPlans: boolean;
};

/** A writer that stepped down in a failover is left at the first write, by who only reads after so long. */
const maxLifetimeSeconds = 10 * 60;

/**
 * Aurora PostgreSQL, over TLS with the server's name verified. With IAM each new connection brings a token of its own,
 * which is signed here, without a call; the roles are the users. A server on this machine needs TLS only with a `ca`.
 */
export function createAuroraDatabase({
  database,
  region,
  maxConnections,
  ca,
  keepsPlans,
}: Options): Database {
  const access = (role: "app" | "system"): DatabaseAccess => {
    const from =
      database.auth === "iam" ? { ...database.server, user: roleName(role) } : database.connections[role];
    const password =
      "password" in from
        ? from.password
        : () => iamToken({ hostname: from.host, port: from.port, username: from.user, region });
    const ssl = ca !== null ? { ca } : isLoopback(from.host) ? null : {};
    return { ...from, password, maxLifetimeSeconds, ...(ssl && { ssl }) };
  };
  return createPostgresDatabase({
    connections: { app: access("app"), system: access("system") },
    maxConnections,
    keepsPlans,
  });
}

/** A password for one connection, good for 15 minutes: a signed request of the process's own AWS role. */
export const iamToken = (options: SignerConfig): Promise<string> => new Signer(options).getAuthToken();

const isLoopback = (host: string): boolean => ["127.0.0.1", "::1", "[::1]", "localhost"].includes(host);
