import { describe, expect, it } from "vitest";
import { systemIds } from "../ids.ts";
import { parseStagingKey, stagingKey } from "./staging-key.ts";

const owner = { tenantId: systemIds.uuid(), documentId: systemIds.uuid(), fileId: systemIds.uuid() };

describe("a staging key", () => {
  it("names tenant, document and file, and is another each time", () => {
    const [one, other] = [stagingKey(systemIds, owner), stagingKey(systemIds, owner)];
    expect(one).not.toBe(other);
    expect(parseStagingKey(one)).toEqual(owner);
    expect(parseStagingKey(other)).toEqual(owner);
  });

  it.each([
    ["", "nothing"],
    ["s/a/b/c/d", "no ids"],
    [stagingKey(systemIds, owner).replace("s/", "v/"), "a key of the vault"],
    [`${stagingKey(systemIds, owner)}/x`, "a longer path"],
    [stagingKey(systemIds, owner).slice(0, -1), "a nonce cut short"],
    [`/${stagingKey(systemIds, owner)}`, "a path from the root"],
    [`s/../${stagingKey(systemIds, owner).slice(2)}`, "a way up"],
    [
      stagingKey(systemIds, { ...owner, documentId: "00000000-0000-4000-8000-000000000000" }),
      "a document id that no client makes",
    ],
  ])("is told from %j (%s)", (key) => expect(parseStagingKey(key)).toBeNull());
});
