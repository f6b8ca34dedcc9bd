import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CloudFormation } from "./cloud-formation.ts";
import { createBuckets } from "./buckets.ts";
import { xml } from "./xml.ts";

/** The account that the stand-in says it is (from AWS's documentation; nobody's). */
const account = "111122223333";

export type LoopbackAws = { url: string; cloudFormation: CloudFormation; close(): Promise<void> };

/**
 * As much of STS, CloudFormation, S3 and SSM as `sst build`, `deploy` and `remove` ask for, on 127.0.0.1. CloudFormation
 * makes nothing; it keeps the books as the real one does: limits of a template, exports and imports, what may be deleted.
 */
export async function startLoopbackAws(region: string): Promise<LoopbackAws> {
  const buckets = createBuckets();
  const cloudFormation = new CloudFormation({
    account,
    region,
    readTemplate: (url) => buckets.read(new URL(url).pathname),
  });
  const server = createServer((request, response) => {
    void answer(request, response, { buckets, cloudFormation }).catch((error: Error) => {
      send(response, 500, xml("Error", { Code: "InternalError", Message: error.stack ?? error.message }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    cloudFormation,
    close: () => new Promise((closed) => server.close(() => closed()).closeAllConnections()),
  };
}

type Services = { buckets: ReturnType<typeof createBuckets>; cloudFormation: CloudFormation };

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { buckets, cloudFormation }: Services,
): Promise<void> {
  const body = await bytesOf(request);
  const service = /Credential=[^/]+\/\d+\/[^/]+\/([a-z0-9-]+)\//.exec(
    request.headers.authorization ?? "",
  )?.[1];
  if (service === "s3") {
    const { status, headers, text } = buckets.answer(request, body);
    return send(response, status, text, headers);
  }
  if (service === "ssm")
    return send(response, 200, JSON.stringify(parameterOf(JSON.parse(body.toString()) as { Name?: string })));
  const form = new URLSearchParams(body.toString());
  const { status, text } = service === "sts" ? identify(form) : cloudFormation.answer(form);
  send(response, status, text, { "content-type": "text/xml" });
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, headers).end(text);
}

/** Version of CDK's bootstrap, the one parameter that a deploy reads. */
const parameterOf = ({ Name = "" }: { Name?: string }) => ({
  Parameter: { Name, Type: "String", Value: "30", Version: 1 },
});

function identify(form: URLSearchParams): { status: number; text: string } {
  const arn = (rest: string) => `arn:aws:sts::${account}:${rest}`;
  if (form.get("Action") === "GetCallerIdentity") {
    const result = { Account: account, UserId: "rehearsal", Arn: arn("user/rehearsal") };
    return { status: 200, text: xml("GetCallerIdentityResponse", { GetCallerIdentityResult: result }) };
  }
  const result = {
    Credentials: {
      AccessKeyId: "ASIAREHEARSAL",
      SecretAccessKey: "rehearsal",
      SessionToken: "rehearsal",
      Expiration: "2099-01-01T00:00:00Z",
    },
    AssumedRoleUser: { AssumedRoleId: "rehearsal", Arn: arn("assumed-role/rehearsal/rehearsal") },
  };
  return { status: 200, text: xml("AssumeRoleResponse", { AssumeRoleResult: result }) };
}
