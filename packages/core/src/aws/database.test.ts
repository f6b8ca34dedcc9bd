import { expect, it } from "vitest";
import { iamToken } from "./database.ts";

it("a token of IAM is a signed request to connect as one user to one server, good for 15 minutes", async () => {
  const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
  const server = { hostname: "db.example", port: 5432, username: "strongroom_app", region: "eu-central-1" };
  const token = new URL(`https://${await iamToken({ ...server, credentials })}`);
  expect(token.host).toBe("db.example:5432");
  expect(Object.fromEntries(token.searchParams)).toMatchObject({
    Action: "connect",
    DBUser: "strongroom_app",
    "X-Amz-Expires": "900",
    "X-Amz-Signature": expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});
