import { Damaged, NotAsStored, Refusal } from "@strongroom/core/errors";
import { expect, test } from "vitest";
import { problemAnswer } from "./problem.ts";

const bodyOf = (error: unknown) =>
  JSON.parse(problemAnswer(error, "1").body as string) as Record<string, unknown>;

test("a damaged copy is called that, is no reason to come again, and says who can help", () => {
  const lost = new NotAsStored("there is no object v/1", {
    cause: Object.assign(new Error(), { code: "EPIPE" }),
  });
  expect(problemAnswer(new Damaged(lost), "1").headers).not.toHaveProperty("retry-after");
  expect(bodyOf(new Damaged(lost))).toMatchObject({
    status: 500,
    code: "damaged",
    title: "Damaged",
    retryable: false,
    detail: expect.stringMatching(/not as it was sealed.*Nothing of it was handed out.*operator/),
  });
});

test("a store that is away is worth another try", () => {
  const away = Object.assign(new Error("away"), { code: "ECONNREFUSED" });
  expect(bodyOf(away)).toMatchObject({ status: 503, code: "unavailable", retryable: true });
});

test.each([
  ["upload_incomplete", "Upload incomplete"],
  ["unknown_replaced", "Unknown document to replace"],
  ["hold_over", "End of the hold is past"],
])("the title of %s can be read: %s", (code, title) => {
  const { body } = problemAnswer(new Refusal(code, "Why."), "request-1");
  expect(JSON.parse(body as string)).toMatchObject({ code, title, type: `urn:strongroom:problem:${code}` });
});
