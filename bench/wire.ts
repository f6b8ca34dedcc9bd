import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** How long each answer is held: who sends more within it did not wait for the answer. */
const heldMs = 5;

/** A counter of round trips between us and a PostgreSQL. */
export type Wire = { port: number; trips(): number; close(): Promise<void> };

/**
 * A proxy before a PostgreSQL that counts round trips at the wire: a query (or the Sync of a pipelined one) that leaves
 * while none is unanswered on its connection is one, and what follows before the answer travels with it.
 */
export async function openWire(to: { host: string; port: number }): Promise<Wire> {
  let trips = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect(to.port, to.host);
    for (const socket of [client, database]) {
      sockets.add(socket.setNoDelay(true));
      socket.on("error", () => {}).on("close", () => (client.destroy(), database.destroy()));
    }
    let unanswered = 0;
    const asked = messageTypes({ isClient: true });
    const answered = messageTypes({ isClient: false });
    client.on("data", (bytes: Buffer) => {
      for (const type of asked(bytes)) {
        if (type !== "Q" && type !== "S") continue;
        if (unanswered++ === 0) trips += 1;
      }
      database.write(bytes);
    });
    database.on("data", (bytes: Buffer) => {
      const ready = answered(bytes).filter((type) => type === "Z").length;
      setTimeout(() => {
        unanswered = Math.max(0, unanswered - ready); // the first one answers the login
        client.write(bytes);
      }, heldMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    trips: () => trips,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Types of the messages that begin in each piece of one direction; a client's first message has none. */
function messageTypes({ isClient }: { isClient: boolean }): (bytes: Buffer) => string[] {
  let rest = Buffer.alloc(0);
  let first = isClient;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const types: string[] = [];
    for (;;) {
      const head = first ? 0 : 1;
      if (rest.length < head + 4) return types;
      const length = head + rest.readUInt32BE(head);
      if (rest.length < length) return types;
      if (!first) types.push(String.fromCharCode(rest[0]!));
      first = false;
      rest = rest.subarray(length);
    }
  };
}
