import { Readable } from "node:stream";
import type { EmbeddedPorts } from "@strongroom/core/embedded/connect";
import { strikes } from "@strongroom/core/embedded/faults";
import { describe, expect, test } from "vitest";
import { adapterFaults, flakyPorts, type FlakyRates, type Weather } from "./flaky-ports.ts";

const rates: FlakyRates = { error: 0.05, lost: 0.03, unacknowledged: 0.04, duplicate: 0.1, drop: 0 };

/** Ports that count what reaches them, behind a line whose faults are given in the order in which they are drawn. */
function behind(faults: (keyof FlakyRates)[], more: Partial<Weather> = {}) {
  const reached: string[] = [];
  const answer =
    <Answer>(name: string, given: Answer) =>
    async () => {
      reached.push(name);
      return given;
    };
  const ports = {
    objects: {
      head: answer("head", null),
      put: answer("put", { outcome: "created", versionId: "1" }),
      read: answer("read", Readable.from(["page"])),
    },
    queue: { send: answer("send", undefined) },
    keys: { sign: answer("sign", { signature: new Uint8Array(), kid: "1" }) },
    stream: { publish: answer("publish", [{ acknowledged: true }]) },
    push: { send: answer("push", "delivered") },
  } as unknown as EmbeddedPorts;
  const weather: Weather = {
    strikes: (_port, kind) => faults[0] === kind && Boolean(faults.shift()),
    untilThere: async () => {},
    done: (what) => void reached.push(`done ${what}`),
    rest: async () => {},
    ...more,
  };
  return { reached, ports: flakyPorts(ports, weather) };
}

const put = (ports: EmbeddedPorts) =>
  ports.objects.put("v/a", Readable.from(["page"]), { sizeBytes: 4, mediaType: "image/jpeg" });

describe("a port over a bad line", () => {
  test("is asked three times, as an SDK does, before its caller hears of it", async () => {
    const twice = behind(["error", "error"]);
    await expect(twice.ports.queue.send("documents", "bell")).resolves.toBeUndefined();
    expect(twice.reached).toEqual(["send"]);
    const thrice = behind(["error", "error", "error"]);
    await expect(thrice.ports.queue.send("documents", "bell")).rejects.toThrow("the service failed");
    expect(thrice.reached).toEqual([]);
  });

  test("has done what its lost answer was about, and does it again when it is asked again", async () => {
    const { ports, reached } = behind(["lost"]);
    await ports.queue.send("documents", "bell");
    expect(reached).toEqual(["send", "send"]);
  });

  test("is given a body once: a stream cannot be sent again", async () => {
    const before = behind(["error"]);
    await expect(put(before.ports)).rejects.toThrow("the service failed");
    expect(before.reached).toEqual([]);
    const after = behind(["lost"]);
    await expect(put(after.ports)).rejects.toThrow("the answer was lost");
    expect(after.reached).toEqual(["put"]);
  });

  test("closes what nobody got to read", async () => {
    const opened: Readable[] = [];
    const { ports } = behind(["lost"]);
    await ports.objects.read("v/a").then((stream) => opened.push(stream));
    expect(opened[0]!.destroyed).toBe(true); // the stand-in hands out the same stream at each try
  });

  test("passes on what its adapter refuses, at once", async () => {
    const refusing = { keys: { sign: () => Promise.reject(new Error("no such key")) } } as never;
    const weather: Weather = {
      strikes: () => false,
      untilThere: async () => {},
      done: () => {},
      rest: () => Promise.reject(new Error("it was tried again")),
    };
    const { keys } = flakyPorts({ ...behind([]).ports, ...(refusing as object) }, weather);
    await expect(keys.sign(new Uint8Array())).rejects.toThrow("no such key");
  });

  test("does not answer while its service is away", async () => {
    const { ports, reached } = behind([], {
      untilThere: (service) => Promise.reject(new Error(`no answer from ${service}`)),
    });
    await expect(put(ports)).rejects.toThrow("no answer from objects");
    await expect(ports.keys.sign(new Uint8Array())).rejects.toThrow("no answer from keys");
    expect(reached).toEqual([]);
  });

  test("tells of the moment between what is done and its record", async () => {
    const { ports, reached } = behind([]);
    await ports.stream.publish("documents", []);
    await ports.push.send({ token: "t", tag: "d.3", data: {} });
    expect(reached).toEqual(["publish", "done publish", "push", "done push"]);
  });

  test("is told apart from the others by whatever could strike it", async () => {
    const drawn: string[] = [];
    const { ports } = behind([], {
      strikes: (port, kind) => Boolean(drawn.push(`${port} ${kind}`)) && false,
    });
    const asked = async (asking: Promise<unknown>) => (await asking, drawn.splice(0));
    expect(await asked(ports.objects.head("s/a"))).toEqual(["objects error", "objects lost"]);
    expect(await asked(put(ports))).toEqual(["objects error", "objects lost"]);
    expect(await asked(ports.queue.send("documents", "bell"))).toEqual(["queue error", "queue lost"]);
    expect(await asked(ports.keys.sign(new Uint8Array()))).toEqual(["keys error", "keys lost"]);
    expect(await asked(ports.push.send({ token: "t", tag: "d.3", data: {} }))).toEqual([
      "push error",
      "push lost",
    ]);
    expect(await asked(ports.stream.publish("documents", []))).toEqual([
      "stream unacknowledged",
      "stream unacknowledged",
    ]);
  });

  test("publishes, and yet reports that it did not", async () => {
    const { ports, reached } = behind([]);
    const lost = flakyPorts(ports, {
      strikes: () => reached.includes("publish"),
      untilThere: async () => {},
      done: () => {},
      rest: async () => {},
    });
    const record = { key: "d", value: "{}", headers: {} };
    expect(await lost.stream.publish("documents", [record])).toMatchObject([{ acknowledged: false }]);
    expect(reached).toContain("publish");
  });
});

describe("the faults of an adapter", () => {
  const diceOf = (...draws: number[]) => {
    const counted: [string, boolean][] = [];
    const dice = {
      isBad: () => draws.length > 0,
      random: () => draws.shift()!,
      count: (kind: string, struck: boolean) => void counted.push([kind, struck]),
    };
    return { counted, faults: adapterFaults(rates, dice) };
  };

  test("count each delivery, and whether it comes twice; nothing else that is drawn", () => {
    const { counted, faults } = diceOf(0.05, 0.02, 0.5, 0.09);
    expect(strikes(faults, faults.reorder)).toBe(true);
    expect(strikes(faults, faults.duplicate)).toBe(true);
    expect(strikes(faults, faults.duplicate)).toBe(false);
    expect(strikes(faults, faults.loseAnswer)).toBe(false);
    expect(counted).toEqual([
      ["duplicate", true],
      ["duplicate", false],
    ]);
  });

  test("neither strike nor count while the weather is fair", () => {
    const { counted, faults } = diceOf();
    expect(strikes(faults, faults.duplicate)).toBe(false);
    expect(counted).toEqual([]);
  });
});
