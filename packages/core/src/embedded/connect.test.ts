import { expect, it } from "vitest";
import { testWorld } from "@strongroom/local/test-world";
import { jsonLog } from "../log.ts";

it("a store tells of its faults as a warning, and of a full disk as an error of its own", async () => {
  const lines: unknown[] = [];
  const world = await testWorld({ log: jsonLog({}, (line) => void lines.push(JSON.parse(line))) });
  const { onFault } = world.ports.objects.intake;
  onFault(new Error("the queue is down"));
  onFault(new Error("writing", { cause: Object.assign(new Error("no room"), { code: "EDQUOT" }) }));
  await world.close();
  expect(lines).toEqual([
    expect.objectContaining({ event: "objects.fault", level: "warn", error: "Error: the queue is down" }),
    expect.objectContaining({ event: "disk.full", level: "error" }),
  ]);
});
