import type { Listed, PublicKey } from "../check/judged-run.ts";
import { call, type Driver, type Road } from "./driver.ts";
import { insist } from "./insist.ts";
import { sendRequest } from "./send-request.ts";

/** Fetches the keys under which receipts verify, as anybody may. */
export async function fetchKeys(road: Road): Promise<void> {
  const path = "/v1/receipt-keys";
  const answer = await insist(road, () =>
    sendRequest({ port: road.port, host: road.host, method: "GET", path }),
  );
  if (answer?.status !== 200) throw new Error(`the keys were answered with ${answer?.status}`);
  road.history.write({ what: "keys", ...(JSON.parse(answer.body.toString()) as { keys: PublicKey[] }) });
}

/** What each driver is shown of their documents. */
export async function listAll(road: Road, drivers: Driver[]): Promise<void> {
  for (const driver of drivers) {
    const { tenantId: tenant, userId: user } = driver;
    road.history.write({ what: "listed", tenant, user, documents: await listDocuments(road, driver) });
  }
}

/** All documents that somebody is shown, page by page; `filter`: more of the query, each with an ampersand before it. */
export async function listDocuments(road: Road, who: Pick<Driver, "token">, filter = ""): Promise<Listed[]> {
  const documents: Listed[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const from: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `/v1/documents?limit=100${filter}${from}`;
    const answer = await insist(road, () => call(road, who, "GET", path));
    if (answer?.status !== 200) throw new Error(`a list was answered with ${answer?.status}`);
    const list = JSON.parse(answer.body.toString()) as { documents: Listed[]; nextCursor: string | null };
    documents.push(...list.documents.map(({ id, state, reason }) => ({ id, state, reason })));
    cursor = list.nextCursor;
  }
  return documents;
}
