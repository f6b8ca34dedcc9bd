import { readConfig } from "@strongroom/core/config";
import { jsonLog } from "@strongroom/core/log";
import type { Ports } from "@strongroom/core/ports/ports";

let ports: Promise<Ports> | null = null;

/** The ports of this process, connected when it starts on Lambda, else when the first request asks for them; a failed attempt is made again by the next. */
export function connectedPorts(): Promise<Ports> {
  ports ??= connect().catch((error: unknown) => {
    ports = null;
    throw error;
  });
  return ports;
}

/** Has all handlers use these ports: for the local composition and for tests, which make and close their own. */
export function usePorts(given: Ports): void {
  ports = Promise.resolve(given);
}

/** Loaded on demand, so that whoever hands in ports does not load adapters. */
async function connect(): Promise<Ports> {
  const config = readConfig();
  const log = jsonLog({ process: "functions" });
  switch (config.backend.kind) {
    case "embedded": {
      const { connectEmbedded } = await import("@strongroom/core/embedded/connect");
      return await connectEmbedded(config, log);
    }
    case "aws": {
      const { connectLambda } = await import("@strongroom/core/aws/connect-lambda");
      return await connectLambda(config, log);
    }
  }
}

// While a function starts, Lambda gives it more of a processor and nobody waits: what loads now does not load on the clock
// of the first request. That one tries again, and tells, what fails here.
if (process.env["AWS_LAMBDA_FUNCTION_NAME"] !== undefined) connectedPorts().catch(() => {});
