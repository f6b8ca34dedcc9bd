import type { Connection } from "./ports/database.ts";

/** `postgres://user:password@host:port/database` in parts. Throws on parameters: ignoring `sslmode` would break its promise. */
export function parseConnection(text: string): Connection {
  const { hostname, port, pathname, username, password, search } = new URL(text);
  if (search !== "")
    throw new Error(`parameters of a database URL (${search}) are not understood: leave them out`);
  return {
    host: hostname,
    port: Number(port || 5432),
    database: decodeURIComponent(pathname.slice(1)),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** The inverse of `parseConnection`. */
export function formatConnection({ host, port, database, user, password }: Connection): string {
  const [who, secret, name] = [user, password, database].map(encodeURIComponent);
  return `postgres://${who}:${secret}@${host}:${port}/${name}`;
}
