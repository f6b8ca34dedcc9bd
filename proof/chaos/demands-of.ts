import type { ClientFault, Demands, KilledPart } from "../check/demands.ts";
import { plannedKills } from "./plan.ts";
import type { Sizes } from "./sizes.ts";

/** Of the promises, at their full size; kills and restarts are P1's, stops P5's, relays between publish and mark P4's. */
const promised = { together: 200, postgres: 20, restarts: 5, stops: 200, relayKills: 100 };

/** Of P1, as shares; what the stream does not acknowledge is ours alone, in place of its errors and lost answers. */
const promisedRates = { error: 0.05, lost: 0.03, unacknowledged: 0.05, duplicate: 0.1, drop: 0.005 };

/**
 * Of connections of clients. Of resets those are asked for that come too late for no draw: of requests of 60,000 bytes and more, of
 * answers of 400; and of requests up to a mebibyte that they come twice.
 */
const promisedOfClients: Record<ClientFault, number> = {
  refuse: 0.03,
  "reset request": 0.04,
  "reset answer": 0.03,
  latency: 0.04,
  "drop-answer": 0.03,
  replay: 0.05,
  split: 0.03,
};

/**
 * What a run of this size must have done: all that is promised, and of a smaller one what it planned for. Kills
 * are planned for exactly, because little but a fault of this harness keeps one from being done: a process that was gone, or
 * ended otherwise, is replaced by the next, and one that is killed elsewhere than meant is killed. Where luck has a part, half of what was planned
 * must have been had: stops and relays have to come to their point, and a decoder lives for tens of milliseconds. Of no part all
 * kills may be missing (but of decoders in a small run), or those of another would make up for them.
 */
export function demandsOf({ documents, kills, stops, relayKills, restarts }: Sizes): Demands {
  const lucky = (planned: number, whole: number) => (planned >= whole ? whole : Math.floor(planned / 2));
  const planned = (part: KilledPart) => plannedKills(kills, part);
  const half = (part: KilledPart) => Math.ceil(planned(part) / 2);
  const workersRelayAndIngest =
    planned("processor") + planned("notifier") + planned("relay") + planned("main");
  return {
    attacks: true,
    stops: lucky(stops, promised.stops),
    relayKills: lucky(relayKills, promised.relayKills),
    kills: {
      together: Math.min(workersRelayAndIngest, promised.together),
      each: {
        processor: half("processor"),
        notifier: half("notifier"),
        relay: half("relay"),
        main: half("main"),
        postgres: Math.min(planned("postgres"), promised.postgres),
        decoder: Math.floor(planned("decoder") / 2),
      },
    },
    restarts: Math.min(restarts, promised.restarts),
    faults: faultsOf(documents),
  };
}

/**
 * Faults strike whatever is done for a document, several times for each, unless somebody turned them off meanwhile: half as many chances
 * as documents is the least, of the rarest, one event for a page; of a port or a kind of process apart, half of that: a push for
 * each that is settled, while faults still strike, is the least. Clients make three requests for a document at least, all of them answered
 * in the end; but only two pages in five are large enough to be sure of a reset.
 */
export const faultsOf = (documents: number): NonNullable<Demands["faults"]> => {
  const [asked, apart] = [Math.floor(documents / 2), Math.floor(documents / 4)];
  const clients = Object.entries(promisedOfClients).map(([fault, share]) => [
    fault,
    { share, asked: fault === "reset request" ? Math.floor(documents / 8) : asked },
  ]);
  return { rates: promisedRates, asked, apart, clients: Object.fromEntries(clients) };
};

const none = { processor: 0, notifier: 0, relay: 0, main: 0, postgres: 0, decoder: 0 };

/** Of a run that is to show one fault alone. */
export const noDemands: Demands = {
  attacks: false,
  stops: 0,
  relayKills: 0,
  kills: { together: 0, each: none },
  restarts: 0,
  faults: null,
};
