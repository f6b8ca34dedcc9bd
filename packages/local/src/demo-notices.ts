import type { EmbeddedPush } from "@strongroom/core/embedded/push";
import type { DemoResult } from "./demo-run.ts";

/** Longest that a push may take after the last document is settled. */
const patienceMs = 30_000;

/** Waits until each settled document has reached its driver's device, and notes whoever was told not at all, or twice. */
export async function checkNotices(
  push: Pick<EmbeddedPush, "subscribe">,
  tokens: string[],
  results: DemoResult[],
): Promise<number> {
  const awaited = results.filter(({ refusedAtTheDoor }) => !refusedAtTheDoor);
  const tags = new Map<string, string[]>(awaited.map(({ demo }) => [demo.order.id, []]));
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => done(), patienceMs);
    const ends = tokens.map((token) =>
      push.subscribe(token, ({ tag, data }) => {
        tags.get(data["documentId"] ?? "")?.push(tag);
        if ([...tags.values()].every((seen) => seen.length > 0)) done();
      }),
    );
    const done = () => {
      clearTimeout(timer);
      for (const end of ends) end();
      resolve();
    };
  });
  for (const { demo, faults } of awaited) {
    const distinct = new Set(tags.get(demo.order.id));
    if (distinct.size !== 1) faults.push(`its driver got ${distinct.size} pushes in place of one`);
  }
  return [...tags.values()].filter((seen) => seen.length > 0).length;
}
