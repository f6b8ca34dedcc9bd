import { homedir } from "node:os";
import { join } from "node:path";

/** The third-party servers that the adapters of `core/aws` are held against, each in the one version that is tested. */
export const engineVersions = {
  /** The newest release that Amazon MSK offers. */
  kafka: "4.1.1",
  elasticmq: "1.6.14",
  s3: "1.8.0",
  kms: "5.2.5",
  /** Whatever Debian carries, from 7 on; it speaks the protocol of Valkey. */
  redis: "7",
  /** The npm package of the workspace: the same server that `npm start` runs. */
  postgres: "17",
} as const;

export type EngineName = keyof typeof engineVersions;

/** What a running engine offers at least. */
export type Stoppable = { stop(): Promise<void> };

/**
 * A third-party server that tests may run on 127.0.0.1: on a free port, with a temporary data directory of its own.
 *
 * Write tests in `packages/core/src/aws/<port>.engines.test.ts` with `describeWith` (describe-with.ts): it starts the
 * engine before the first test, hands it over, stops it after the last one, and skips, telling why, where it cannot run.
 * Run them with `npm run test:engines`, or one file with
 * `npx vitest run --config vitest.engines.config.ts packages/core/src/aws/<port>.engines.test.ts`.
 */
export type Engine<E extends Stoppable> = {
  name: EngineName;
  /** Commands without which it cannot run. */
  needs: readonly string[];
  /** Brings its files into the cache, at once if they are there; throws a plain sentence when a command is missing. */
  fetch(): Promise<void>;
  /** Starts one more of it; resolves when it answers, throws with the end of its log when it does not. */
  start(): Promise<E>;
};

/** Where engines are kept between runs: `$XDG_CACHE_HOME/strongroom/engines`, below `~/.cache` unless set. */
export function engineCache(): string {
  // oxlint-disable-next-line node/no-process-env, eslint/no-restricted-properties -- the test harness is a process entry
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "strongroom", "engines");
}
