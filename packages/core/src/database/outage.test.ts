import { expect, it } from "vitest";
import { isOutage } from "./outage.ts";

const error = (message: string, more: object) => Object.assign(new Error(message), more);

it.each([
  ["a connection that broke", error("read", { code: "ECONNRESET" })],
  ["a database that shuts down", error("terminating connection", { code: "57P01" })],
  ["a statement that took longer than statements may", error("canceling statement", { code: "57014" })],
  ["a statement that nobody answers", new Error("Query read timeout")],
  ["a server that is the writer no more", error("cannot execute UPDATE", { code: "25006" })],
  ["a service that failed", error("SlowDown", { $fault: "server" })],
  ["a service that is asked too often", error("rate", { name: "ThrottlingException", $fault: "client" })],
  ["one that says so another way", error("rate", { name: "TooManyRequestsException", $fault: "client" })],
  ["and by its status alone", error("rate", { $fault: "client", $metadata: { httpStatusCode: 429 } })],
  ["a service that does not answer", error("no answer", { name: "TimeoutError" })],
  ["a name server that does not answer", error("getaddrinfo", { code: "EAI_AGAIN" })],
  ["a network that is away", error("connect", { code: "ENETUNREACH" })],
  ["a role whose credentials cannot be had", error("no credentials", { name: "CredentialsProviderError" })],
  ["whatever any of them caused", error("put", { cause: error("read", { code: "ETIMEDOUT" }) })],
  ["one of several", new AggregateError([new Error("one"), error("two", { code: "ECONNREFUSED" })])],
])("%s passes", (_name, fault) => expect(isOutage(fault)).toBe(true));

it.each([
  ["a request that a service refuses", error("AccessDenied", { $fault: "client" })],
  ["and by its status", error("AccessDenied", { $fault: "client", $metadata: { httpStatusCode: 403 } })],
  ["a row that breaks a rule", error("check", { code: "23514" })],
  ["a fault of ours", new TypeError("undefined is not a function")],
  ["what is no error", "ECONNRESET"],
])("%s does not", (_name, fault) => expect(isOutage(fault)).toBe(false));
