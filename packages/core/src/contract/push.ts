import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Push } from "../ports/push.ts";

/** An adapter, and what the service behind it knows: what devices got, newest per tag, and which tokens are dead. */
export type PushUnderTest = {
  push: Push;
  received(token: string): Promise<{ tag: string; data: Record<string, string> }[]>;
  unregister(token: string): Promise<void>;
  close(): Promise<void>;
};

/** Everything that an adapter of the push port does. */
export function pushContract(name: string, open: () => Promise<PushUnderTest>): void {
  describe(`the push contract: ${name}`, () => {
    let under: PushUnderTest;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.close());
    const send = (token: string, tag: string, version: string) =>
      under.push.send({ token, tag, data: { version } });

    test("a notice reaches its device with its data, and no other device", async () => {
      const [token, other] = [randomUUID(), randomUUID()];
      expect(await send(token, "document-1", "1")).toBe("delivered");
      expect(await send(other, "document-2", "1")).toBe("delivered");
      expect(await under.received(token)).toMatchObject([{ tag: "document-1", data: { version: "1" } }]);
    });

    test("a person sees one notice per tag, the newest", async () => {
      const token = randomUUID();
      for (const version of ["1", "2", "2", "3"]) await send(token, "same", version);
      await send(token, "another", "1");
      const notices = (await under.received(token)).map(({ tag, data }) => `${tag} ${data["version"]}`);
      expect(notices.toSorted()).toEqual(["another 1", "same 3"]);
    });

    test("a dead token is told apart, and gets nothing", async () => {
      const token = randomUUID();
      await send(token, "before", "1");
      await under.unregister(token);
      expect(await send(token, "after", "1")).toBe("unregistered");
      expect((await under.received(token)).map((notice) => notice.tag)).toEqual(["before"]);
    });

    test("a text that can be no token of the service is told apart like a dead one, and is no fault of the service", async () => {
      const garbage = randomBytes(3_072).toString("base64");
      expect(await send(garbage, "document-1", "1")).toBe("unregistered");
      expect(await send(randomUUID(), "document-1", "1")).toBe("delivered");
    });

    test("a tag of 64 characters is delivered, one of 65 is an error", async () => {
      const token = randomUUID();
      expect(await send(token, "t".repeat(64), "1")).toBe("delivered");
      await expect(send(token, "t".repeat(65), "1")).rejects.toThrow("64");
    });
  });
}
