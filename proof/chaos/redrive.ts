import { call, type Driver, outcomeOf, type Road } from "./driver.ts";
import { insist } from "./insist.ts";
import { listDocuments } from "./lists.ts";

/**
 * When our faults are over, an agent of each tenant lists what failed and sends it its way again, once, as an operator
 * would; answers how many that were. Nothing fails by its own content, so that each must get to its end.
 */
export async function redriveFailed(road: Road, agents: Driver[]): Promise<number> {
  let redriven = 0;
  for (const agent of agents)
    for (const { id, reason } of await listDocuments(road, agent, "&state=failed")) {
      const path = `/v1/documents/${id}/redrive`;
      let tries = 0;
      const answer = await insist(road, () => {
        tries += 1;
        return call(road, agent, "POST", path);
      });
      const status = answer?.status ?? null;
      road.history.write({
        what: "redriven",
        document: id,
        reason,
        outcome: outcomeOf(answer),
        status,
        tries,
      });
      redriven += 1;
    }
  return redriven;
}
