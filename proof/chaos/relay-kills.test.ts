import { expect, test } from "vitest";
import { relayKiller } from "./relay-kills.ts";

/** Answers whether each kill struck, in turn, and the last for ever; counts them. */
function striking(...answers: boolean[]) {
  const kills = { made: 0 };
  const strike = async () => answers[Math.min(kills.made++, answers.length - 1)]!;
  return { kills, strike };
}

test("as many are killed as are due, and none beside what leaves no relay", async () => {
  const { kills, strike } = striking(true);
  const relays = relayKiller(strike, 10);
  await relays.beside("kill main", 0.5);
  expect(kills.made).toBe(0);
  await relays.beside("kill processor", 0.5);
  expect(kills.made).toBe(1);
  await relays.beside("freeze processor", 0.5);
  expect(kills.made).toBe(4);
  await relays.beside("keys away", 0.4);
  expect(kills.made).toBe(4); // no more are due
  await relays.rest();
  expect(kills.made).toBe(10);
});

test("one that did not come to its point is replaced by another, but not for ever", async () => {
  const some = striking(false, true, false, true);
  await relayKiller(some.strike, 2).rest();
  expect(some.kills.made).toBe(4);
  const none = striking(false);
  await relayKiller(none.strike, 2).rest();
  expect(none.kills.made).toBe(6);
});
