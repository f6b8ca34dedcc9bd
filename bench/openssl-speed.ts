import { run } from "./run.ts";

/** Megabytes per CPU second of `openssl speed` for one algorithm, in blocks of this size. */
export async function opensslSpeed(algorithm: string, blockBytes: number): Promise<number> {
  const words = ["speed", "-mr", "-seconds", "1", "-bytes", String(blockBytes), "-evp", algorithm];
  const { stdout } = await run("openssl", words);
  const bytesPerSecond = Number(/^\+F:\d+:[^:]+:([\d.]+)/m.exec(stdout)?.[1]);
  if (!(bytesPerSecond > 0)) throw new Error(`openssl speed said: ${stdout.slice(0, 200)}`);
  return bytesPerSecond / 1e6;
}
