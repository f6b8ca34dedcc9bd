import type { Periods } from "@strongroom/core/config";
import { ageDocuments, untilCleared } from "./age-documents.ts";
import { type Driver, planDocument, type Road } from "./driver.ts";
import { attackFreshUpload, attackUploads, reviveOne } from "./hostile-uploads.ts";
import type { Installation } from "./installation.ts";
import { untilSweptFromNow } from "./until-swept.ts";

type Aftermath = {
  road: Road;
  installation: Installation;
  periods: Periods;
  drivers: Driver[];
};

/** When all rests: days go by, what is due is cleared away, and then come the late and the hostile. */
export async function goThroughAftermath({ road, installation, periods, drivers }: Aftermath): Promise<void> {
  const [attacker, victim] = [drivers[0]!, drivers[1]!];
  const { sleep } = road;
  const fresh = planDocument(road, attacker, { driver: 0, manner: "plain", sorts: ["photo"] });
  await attackFreshUpload(road, attacker, victim, fresh);
  const aged = await ageDocuments(installation);
  await installation.stopMain({ anew: true }); // the first round after a start sweeps the vault
  const untilSwept = await untilSweptFromNow(installation, sleep);
  await installation.untilRunning("main");
  await untilCleared(installation, aged, sleep, 3 * periods.reconcile + 5_000);
  await untilSignaturesEnd(drivers, aged.cleared, periods.signedUrl, sleep);
  await attackUploads(road, drivers, aged, periods.signedUrl);
  await reviveOne(road, drivers, aged);
  await untilSwept();
}

/** What was cleared may be attacked only once its signatures have ended: before, an upload of the right bytes is none. */
async function untilSignaturesEnd(
  drivers: Driver[],
  cleared: string[],
  signedUrlMs: number,
  sleep: Road["sleep"],
): Promise<void> {
  const signed = drivers.flatMap(({ sent }) =>
    sent.filter(({ id }) => cleared.includes(id)).flatMap((document) => document.signed),
  );
  const last = Math.max(0, ...signed.map(({ signedAt }) => signedAt));
  await sleep(Math.max(0, last + signedUrlMs + 1_500 - Date.now()));
}
