import { Refusal } from "@strongroom/core/errors";
import { expect, test } from "vitest";
import { problemAnswer } from "./problem.ts";

test.each([
  ["upload_incomplete", "Upload incomplete"],
  ["unknown_replaced", "Unknown document to replace"],
  ["hold_over", "End of the hold is past"],
])("the title of %s can be read: %s", (code, title) => {
  const { body } = problemAnswer(new Refusal(code, "Why."), "request-1");
  expect(JSON.parse(body as string)).toMatchObject({ code, title, type: `urn:strongroom:problem:${code}` });
});
