import type { RouteName } from "@strongroom/core/api";
import { Outage } from "./problem.ts";

/**
 * Milliseconds within which a route answers, if only with 503. A driver at the gate waits at most two seconds for a grant;
 * the others stay below the 30 seconds of API Gateway.
 */
export function answerWithinMs(name: RouteName): number {
  return name === "acceptUpload" || name === "signUploads" ? 1_800 : 20_000;
}

/** The time that one request has. */
export type Deadline = {
  /** Settles as `work` does, or rejects with an Outage when the time is over; work that comes too late is given to `drop`. */
  bound<T>(work: Promise<T>, drop?: (late: T) => void): Promise<T>;
  /** Stops the clock; the request is answered. */
  end(): void;
};

/** Starts the clock of a request. Work is not stopped at the deadline: its outcome is unknown, and the same request may be sent again. */
export function startDeadline(withinMs: number): Deadline {
  const expired = Promise.withResolvers<never>();
  expired.promise.catch(() => {}); // nobody waits for it between two steps
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    expired.reject(new Outage(`no answer within ${withinMs} ms`));
  }, withinMs);
  return {
    bound: (work, drop) => {
      void work.then((value) => (isOver ? drop?.(value) : undefined)).catch(() => {});
      return Promise.race([work, expired.promise]);
    },
    end: () => clearTimeout(timer),
  };
}
