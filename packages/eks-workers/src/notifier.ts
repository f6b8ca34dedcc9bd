import { notifier as group, notifyUser } from "@strongroom/core/notice/notify-user";
import type { Running, Worker } from "./worker.ts";

/** Tells people what became of their documents: a member of the consumer group on the documents topic. */
export const notifier: Worker = async ({ ports, stopping }): Promise<Running> => {
  const done = ports.stream.consume({ group, topics: ["documents"], signal: stopping }, async (record) => {
    await notifyUser(ports, record);
  });
  return { done, isolation: null };
};
