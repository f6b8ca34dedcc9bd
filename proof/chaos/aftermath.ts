import type { Periods } from "@strongroom/core/config";
import { ageDocuments, untilCleared } from "./age-documents.ts";
import { call, type Driver, planDocument, type Road } from "./driver.ts";
import { insist } from "./insist.ts";
import { attackFreshUpload, attackUploads, reviveOne } from "./hostile-uploads.ts";
import type { Installation } from "./installation.ts";
import type { Listed, PublicKey } from "../check/judged-run.ts";
import { sendRequest } from "./send-request.ts";

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
  await installation.untilRunning("main");
  await untilCleared(installation, aged, sleep, 3 * periods.reconcile + 5_000);
  await untilSignaturesEnd(drivers, aged.cleared, periods.signedUrl, sleep);
  await attackUploads(road, drivers, aged, periods.signedUrl);
  await reviveOne(road, drivers, aged);
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

/** Fetches the keys under which receipts verify, as anybody may. */
export async function fetchKeys(road: Road): Promise<void> {
  const path = "/v1/receipt-keys";
  const answer = await insist(road, () =>
    sendRequest({ port: road.port, host: road.host, method: "GET", path }),
  );
  if (answer?.status !== 200) throw new Error(`the keys were answered with ${answer?.status}`);
  road.history.write({ what: "keys", ...(JSON.parse(answer.body.toString()) as { keys: PublicKey[] }) });
}

/** What each driver is shown of their documents, page by page. */
export async function listAll(road: Road, drivers: Driver[]): Promise<void> {
  for (const driver of drivers) {
    const documents: Listed[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const answer = await insist(road, () => call(road, driver, "GET", `/v1/documents?limit=100${from}`));
      if (answer?.status !== 200) throw new Error(`a list was answered with ${answer?.status}`);
      const list = JSON.parse(answer.body.toString()) as { documents: Listed[]; nextCursor: string | null };
      documents.push(...list.documents.map(({ id, state, reason }) => ({ id, state, reason })));
      cursor = list.nextCursor;
    }
    const { tenantId: tenant, userId: user } = driver;
    road.history.write({ what: "listed", tenant, user, documents });
  }
}
