/** The least that answers: node:http with one JSON body, in a process of its own. Tells its port to whoever started it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const body = JSON.stringify({ document: { id: "0".repeat(36), state: "stored", note: "x".repeat(900) } });
const server = createServer((_, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
});
server.listen(0, "127.0.0.1", () => process.send!((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit(0));
