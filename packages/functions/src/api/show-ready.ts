import { route } from "../middleware.ts";
import { Outage } from "../problem.ts";

/** `GET /ready`: 503 while the database does not answer. */
export const handler = route("showReady", async ({ ports }) => {
  await ports.database
    .ping()
    .catch((cause: unknown) => Promise.reject(new Outage("the database does not answer", { cause })));
  return { body: { status: "ready" as const } };
});
