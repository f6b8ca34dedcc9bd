import { createServer, type AddressInfo } from "node:net";
import { Refusal } from "@strongroom/core/errors";

/** A port of 127.0.0.1 that can be listened on now: the wanted one, or a free one for 0. Throws a Refusal when it cannot. */
export async function findPort(wanted: number): Promise<number> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) =>
      probe.once("error", reject).listen(wanted, "127.0.0.1", resolve),
    );
    return (probe.address() as AddressInfo).port;
  } catch (error) {
    throw portRefusal(wanted, error as NodeJS.ErrnoException);
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}

/** Why a port cannot be listened on, in a sentence; what is no matter of the port comes back as it was. */
export function portRefusal(port: number, error: NodeJS.ErrnoException): Error {
  if (error.code === "EADDRINUSE") {
    return new Refusal(
      "port_in_use",
      `Port ${port} is in use. Stop what listens there, or choose another with STRONGROOM_PORT.`,
      { status: 409 },
    );
  }
  if (error.code === "EACCES") {
    return new Refusal(
      "port_not_allowed",
      `You may not listen on port ${port}. Choose one above 1023 with STRONGROOM_PORT.`,
      { status: 403 },
    );
  }
  return error;
}
