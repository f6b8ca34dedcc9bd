import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { NoSuchObject } from "../errors.ts";
import { createS3Client } from "./object-client.ts";
import { createS3Objects } from "./objects.ts";

let answer = { status: 0, code: "" };
/** It answers each request with one refusal, as S3 words it. */
const server = createServer((_request, response) => {
  response.writeHead(answer.status, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${answer.code}</Code></Error>`);
});
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => void server.close());

const read = async (status: number, code: string): Promise<unknown> => {
  answer = { status, code };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const client = createS3Client({ endpoint, region: "eu-central-1", credentials, forcePathStyle: true });
  const objects = createS3Objects({ client, buckets: { staging: "staging", vault: "vault" } });
  const error = await objects.read("v/aa/missing").catch((caught: unknown) => caught);
  await objects.close();
  return error;
};

it("an object that S3 calls missing is missing", async () => {
  expect(await read(404, "NoSuchKey")).toBeInstanceOf(NoSuchObject);
});

it.each([
  [403, "AccessDenied"],
  [404, "NoSuchBucket"],
])("an object that S3 answers with %i %s is not: of its bytes that tells nothing", async (status, code) => {
  const error = await read(status, code);
  expect(error).toMatchObject({ name: code });
  expect(error).not.toBeInstanceOf(NoSuchObject);
});
