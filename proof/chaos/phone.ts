import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { Road } from "./driver.ts";

type Listening = Pick<Road, "port" | "host" | "history" | "sleep">;

/** Before it asks again, ever longer while it is refused. */
const restMs = { first: 100, most: 1_600 };

/** A phone that hears its notices over server-sent events and goes on after the last one whenever it is cut off. */
export function listenToNotices(
  road: Listening,
  token: string,
  onTag: (tag: string) => void,
  stopping: AbortSignal,
): Promise<void> {
  let place = 0;
  const listen = async () => {
    const asking = get({
      host: "127.0.0.1",
      port: road.port,
      path: `/notices/${encodeURIComponent(token)}`,
      agent: false,
      headers: { host: road.host, "last-event-id": String(place) },
      signal: stopping,
    });
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    asking.on("error", () => {});
    for await (const line of createInterface({ input: answer })) {
      if (line.startsWith("id: ")) place = Number(line.slice(4));
      if (line.startsWith("data: ")) hear(road, token, onTag, line.slice(6));
    }
  };
  const live = async () => {
    for (let waitMs = restMs.first; !stopping.aborted; waitMs = Math.min(restMs.most, waitMs * 2)) {
      const startedMs = performance.now();
      await listen().catch(() => {}); // cut off, or refused: asked again in a moment
      if (performance.now() - startedMs > restMs.most) waitMs = restMs.first;
      await road.sleep(waitMs, stopping);
    }
  };
  return live();
}

/** A line that was cut short is said again after the next connection. */
function hear({ history }: Listening, token: string, onTag: (tag: string) => void, text: string): void {
  try {
    const notice = JSON.parse(text) as { tag: string };
    onTag(notice.tag);
    history.write({ what: "notice", token, tag: notice.tag, fields: Object.keys(notice) });
  } catch {
    return;
  }
}
