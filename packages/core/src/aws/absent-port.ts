/** A port that this process has no business with, or was given no configuration for: every call of it says so. */
export function absentPort<Port extends object>(port: string, missing: string): Port {
  const refuse = async () => {
    throw new Error(`the ${port} is not for this process: ${missing}`);
  };
  // Whoever awaits the port itself must not take it for a promise.
  return new Proxy({}, { get: (_, name) => (name === "then" ? undefined : refuse) }) as Port;
}
