import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cage, findCage, layers } from "./isolation.ts";

let scratch: string;
let cage: Cage;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "strongroom-cage-"));
  cage = await findCage(scratch);
});
afterAll(() => rm(scratch, { recursive: true }));

const allowance = { memoryBytes: 1024 ** 3, cpuSeconds: 100 };

describe("the cage of a decode child", () => {
  test("says how strong it is, and hands no environment on", () => {
    expect(cage.isolation.environment).toBe("empty");
    expect(["none", "shared"]).toContain(cage.isolation.network);
    expect(["rlimit", "heap_only"]).toContain(cage.isolation.memoryLimit);
    const { options } = cage.command("/entry.ts", allowance);
    expect(Object.keys(options.env!).sort()).toEqual(["MALLOC_ARENA_MAX", "UV_THREADPOOL_SIZE"]);
    expect(options.cwd).toBe(scratch);
  });

  test("claims a memory limit only where prlimit stands, and a closed network only where unshare does", () => {
    expect(cage.isolation.memoryLimit === "rlimit").toBe(cage.layers.includes("limits"));
    if (cage.isolation.network === "none") expect(cage.layers).toContain("network");
  });

  test("has Node's own wall everywhere: it needs nothing of the machine, so a child that cannot stand in it is our fault", () => {
    expect(cage.layers).toContain("permission");
  });

  test("has every wall that this machine has the tools for", (context) => {
    const missing = layers.filter((layer) => !cage.layers.includes(layer));
    if (missing.length > 0) context.skip(`walls that do not work here: ${missing.join(", ")}`);
    const line = cage.command("/entry.ts", allowance).args.join(" ");
    expect(line).toMatch(/--data=\d+ .*--reuid=65533 .*--user --net .*--pdeathsig KILL .*--permission/);
    expect(existsSync("/entry.ts")).toBe(false);
  });

  test("lets a tight child have less memory", () => {
    const dataOf = (memoryBytes: number) => {
      const { args } = cage.command("/entry.ts", { ...allowance, memoryBytes });
      return Number(/--data=(\d+)/.exec(args.join(" "))?.[1] ?? 0);
    };
    if (cage.layers.includes("limits")) expect(dataOf(2 ** 30) - dataOf(2 ** 29)).toBe(2 ** 29);
  });
});
