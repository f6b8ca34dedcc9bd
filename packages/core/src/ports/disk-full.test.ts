import { expect, it } from "vitest";
import { isDiskFull } from "./disk-full.ts";

const error = (message: string, more: object) => Object.assign(new Error(message), more);

it.each([
  ["the disk of a store", error("write", { code: "ENOSPC" })],
  ["what one may use of it", error("write", { code: "EDQUOT" })],
  ["the disk of the database", error("could not extend file", { code: "53100" })],
  ["whatever any of them caused", new Error("put", { cause: error("write", { code: "ENOSPC" }) })],
  ["one of several", new AggregateError([error("write", { code: "ENOSPC" })])],
])("%s is full", (_name, fault) => expect(isDiskFull(fault)).toBe(true));

it.each([error("read", { code: "ECONNRESET" }), new Error("ENOSPC"), "ENOSPC", undefined])(
  "%s is no full disk",
  (fault) => expect(isDiskFull(fault)).toBe(false),
);
