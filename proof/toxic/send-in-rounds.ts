import { seededRandom, shuffle } from "@strongroom/local/test-random";

/**
 * Sends each thing once, one after another, and then all of them again, in another order each time, until there is enough:
 * the mix stays what it is, however long it goes on. The seed decides every order. Throws when there is nothing to send.
 */
export async function sendInRounds<Thing, Result>(
  things: readonly Thing[],
  { seed, isEnough }: { seed: number; isEnough: () => boolean },
  send: (thing: Thing) => Promise<Result>,
): Promise<Result[]> {
  if (things.length === 0) throw new Error("there is nothing to send");
  const results: Result[] = [];
  for (let round = 0; round === 0 || !isEnough(); round += 1) {
    for (const thing of shuffle(things, seededRandom(seed + round))) {
      if (round > 0 && isEnough()) break;
      results.push(await send(thing));
    }
  }
  return results;
}
