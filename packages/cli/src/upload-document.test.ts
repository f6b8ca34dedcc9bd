import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemIds } from "@strongroom/core/ids";
import { createClient } from "./client.ts";
import { declareFiles } from "./declare-files.ts";
import { contentOf } from "./stand-in-document.ts";
import { type StandIn, startStandInServer } from "./stand-in-server.ts";
import { impatience, makeHome } from "./stand-in-terminal.ts";
import { uploadDocument, type UploadOrder } from "./upload-document.ts";
import type { UploadProgress } from "./upload-progress.ts";

const mebibyte = 1024 * 1024;
/** Of 20 MiB and a bit: parts of 8, 8 and 4 MiB. */
const large = randomBytes(20 * mebibyte + 3);

let server: StandIn;
let home: Awaited<ReturnType<typeof makeHome>>;
beforeEach(async () => {
  server = await startStandInServer();
  home = await makeHome();
});
afterEach(async () => {
  await server.close();
  await home.remove();
});

const connected = () => createClient({ url: server.url, token: server.token, patience: impatience() });
const order = (...paths: string[]): UploadOrder => ({ id: systemIds.uuid(), kind: "cmr", paths });
const photos = async (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      home.file(`${index + 1}.jpg`, `page ${index + 1} `.repeat(20_000)),
    ),
  );
const kept = (id: string, page: number) => contentOf(server.documents.get(id)!, `original-${page}`);

test("every page arrives as it lies on disk, and the document is received", async () => {
  const wanted = order(...(await photos(3)));
  const document = await uploadDocument(connected(), wanted);
  expect(document).toMatchObject({
    id: wanted.id,
    state: "received",
    confirmationCode: "ACDE-FGHJ",
    missing: [],
  });
  expect(server.stored.toSorted()).toEqual(["page 1", "page 2", "page 3"]);
  expect(kept(wanted.id, 2).toString()).toBe("page 2 ".repeat(20_000));
});

test("a large file goes up in parts, each sent once", async () => {
  const wanted = order(await home.file("large.pdf", large));
  await uploadDocument(connected(), wanted);
  expect(server.stored.toSorted()).toEqual(["page 1 part 1", "page 1 part 2", "page 1 part 3"]);
  expect(kept(wanted.id, 1).equals(large)).toBe(true);
});

test("a connection that breaks amid a part costs that part, and no other", async () => {
  server.faults.put = [{ kind: "cut", afterBytes: mebibyte }];
  const wanted = order(await home.file("large.pdf", large));
  await uploadDocument(connected(), wanted);
  expect(server.stored.toSorted()).toEqual(["page 1 part 1", "page 1 part 2", "page 1 part 3"]);
  expect(server.requests.filter((line) => line.endsWith("/uploads"))).toHaveLength(1);
  expect(kept(wanted.id, 1).equals(large)).toBe(true);
});

test("an expired signature is replaced, and the upload goes on", async () => {
  server.faults.put = [
    { kind: "status", status: 403, body: "<Error><Message>Request has expired</Message></Error>" },
  ];
  const document = await uploadDocument(connected(), order(...(await photos(2))));
  expect(document.state).toBe("received");
  expect(server.requests.filter((line) => line.endsWith("/uploads"))).toHaveLength(1);
  expect(server.stored).toHaveLength(2);
});

test("signatures that are refused for ever end the upload with the store's own words", async () => {
  const refusal = {
    kind: "status",
    status: 403,
    body: "<Error><Message>Not as signed</Message></Error>",
  } as const;
  server.faults.put = Array.from({ length: 20 }, () => refusal);
  await expect(uploadDocument(connected(), order(...(await photos(1))))).rejects.toThrow("Not as signed");
  expect(server.requests.filter((line) => line.endsWith("/uploads"))).toHaveLength(5);
});

test("a page that somebody put already is left as it is, and complete decides", async () => {
  server.faults.put = [{ kind: "lose_answer" }, { kind: "status", status: 412 }];
  const wanted = order(...(await photos(1)));
  expect((await uploadDocument(connected(), wanted)).state).toBe("received");
  expect(server.stored).toEqual(["page 1"]);

  server.faults.put = [{ kind: "status", status: 412 }];
  await expect(uploadDocument(connected(), order(...(await photos(1))))).rejects.toMatchObject({
    code: "pages_missing",
  });
});

test("a conflict and a busy store are answered with the same PUT again", async () => {
  server.faults.put = [
    { kind: "status", status: 409 },
    { kind: "status", status: 503, headers: { "retry-after": "2" } },
  ];
  const client = connected();
  await uploadDocument(client, order(...(await photos(1))));
  const puts = server.requests.filter((line) => line.startsWith("PUT "));
  expect(puts).toHaveLength(3);
  expect(new Set(puts).size).toBe(1);
  expect((client.patience as ReturnType<typeof impatience>).waitedMs).toEqual([125, 2_250]);
});

test("a server that asks for time before it accepts is given it", async () => {
  server.faults.api.acceptUpload = [{ kind: "status", status: 503, headers: { "retry-after": "3" } }];
  server.faults.api.completeUpload = [{ kind: "cut", afterBytes: 0 }];
  expect((await uploadDocument(connected(), order(...(await photos(1))))).state).toBe("received");
});

test("the same order again sends nothing that is there", async () => {
  const wanted = order(...(await photos(2)));
  await uploadDocument(connected(), wanted);
  const again = await uploadDocument(connected(), wanted);
  expect(again).toMatchObject({ id: wanted.id, state: "received", confirmationCode: "ACDE-FGHJ" });
  expect(server.stored).toHaveLength(2);
  expect(server.requests.filter((line) => line.endsWith("/complete"))).toHaveLength(1);
});

test("a file that was changed since it was declared is noticed, whatever its size", async () => {
  const path = await home.file("a.jpg", "page one");
  const declared = await declareFiles([path]);
  for (const text of ["page two, longer", "page 1ne"]) {
    await home.file("a.jpg", text);
    await expect(uploadDocument(connected(), { ...order(path), declared })).rejects.toMatchObject({
      code: "file_changed",
    });
  }
  expect(server.requests).toEqual([]);
});

test.each([
  ["longer", "page one and more"],
  ["of the same length", "page 1ne"],
  ["shorter", "page"],
])("a file that is changed during the upload (%s) is noticed and said plainly", async (_, text) => {
  const path = await home.file("a.jpg", "page one");
  const client = connected();
  const changing: typeof client = {
    ...client,
    call: async (name, request) => {
      if (name === "acceptUpload") await home.file("a.jpg", text);
      return await client.call(name, request);
    },
  };
  await expect(uploadDocument(changing, order(path))).rejects.toThrow("a.jpg changed after it was read");
});

test("progress grows to the whole and never beyond, also over a broken part and a busy store", async () => {
  server.faults.put = [
    { kind: "status", status: 503 },
    { kind: "cut", afterBytes: mebibyte },
  ];
  const seen: UploadProgress[] = [];
  const paths = [await home.file("large.pdf", large), ...(await photos(1))];
  await uploadDocument(connected(), order(...paths), { onProgress: (progress) => void seen.push(progress) });
  const totalBytes = large.length + 140_000;
  expect(seen.at(-1)).toMatchObject({ sentBytes: totalBytes, totalBytes });
  expect(Math.max(...seen.map(({ sentBytes }) => sentBytes))).toBe(totalBytes);
  expect(seen.every(({ file }) => file.sentBytes <= file.sizeBytes)).toBe(true);
});

test("a stopped upload ends with the reason, and its connection with it", async () => {
  const stop = new AbortController();
  server.faults.put = [{ kind: "hold", onHeld: () => stop.abort(new Error("stopped")) }];
  await expect(
    uploadDocument(connected(), order(...(await photos(1))), { signal: stop.signal }),
  ).rejects.toThrow("stopped");
});
