import { Agent, request } from "node:http";

/** A request exactly as it is sent; nothing is normalised or added but what HTTP needs. */
export type Sent = {
  method: string;
  path: string;
  headers?: Record<string, string | string[]>;
  body?: Uint8Array | string;
};
export type Answer = { status: number; headers: Record<string, string>; body: Buffer };

/** Sends requests to one server over kept connections; close it to let them go. */
export function openClient(url: string): { ask: (sent: Sent) => Promise<Answer>; close: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const { hostname, port } = new URL(url);
  const ask = (sent: Sent): Promise<Answer> =>
    askOnce(sent).catch((error: Error & { isStale?: boolean }) => {
      // A kept connection was closed by the server just as it was taken: nothing of the request was read.
      if (error.isStale) return ask(sent);
      throw error;
    });
  const askOnce = ({ method, path, headers = {}, body }: Sent) =>
    new Promise<Answer>((resolve, reject) => {
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const sending = request({
        host: hostname,
        port,
        method,
        path,
        headers: { ...length, ...headers },
        agent,
      });
      sending.on("error", (error: NodeJS.ErrnoException) =>
        reject(Object.assign(error, { isStale: sending.reusedSocket && error.code === "ECONNRESET" })),
      );
      sending.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode!,
            headers: Object.fromEntries(
              Object.entries(response.headersDistinct).map(([name, values]) => [name, values!.join(", ")]),
            ),
            body: Buffer.concat(chunks),
          }),
        );
      });
      sending.end(body);
    });
  return { ask, close: () => agent.destroy() };
}
