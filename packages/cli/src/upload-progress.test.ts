import { expect, test } from "vitest";
import { trackProgress, type UploadProgress } from "./upload-progress.ts";

const file = (sizeBytes: number) => ({
  path: "/a.pdf",
  mtimeMs: 0,
  declaration: { name: "a.pdf", mediaType: "application/pdf", sizeBytes, sha256: "0".repeat(64) },
});
const left = (position: number, sizeBytes: number) =>
  ({ fileId: "f", position, requests: sizeBytes === 0 ? [] : [{ sizeBytes }] }) as never;

test("a part that is sent again counts once, and what was there before counts from the beginning", () => {
  const seen: UploadProgress[] = [];
  const progress = trackProgress([file(10), file(4)], (one) => void seen.push(one));
  progress.expect([left(1, 6), left(2, 0)]);
  expect(seen.at(-1)).toMatchObject({
    sentBytes: 8,
    totalBytes: 14,
    file: { position: 2, sentBytes: 4, sizeBytes: 4 },
  });
  progress.start(1, 4);
  progress.advance(1, 4, 5);
  progress.start(1, 4);
  progress.advance(1, 4, 5);
  expect(seen.at(-1)).toMatchObject({ sentBytes: 13, file: { position: 1, sentBytes: 9 } });
  progress.finish(1, 4, 6);
  expect(seen.at(-1)).toMatchObject({ sentBytes: 14, file: { sentBytes: 10 } });
});

test("what lay there before this run is not said to be sent, and what a lost answer brought is", () => {
  const seen: UploadProgress[] = [];
  const progress = trackProgress([file(10), file(4)], (one) => void seen.push(one));
  progress.expect([left(1, 10), left(2, 0)]);
  expect(seen.at(-1)).toMatchObject({ file: { position: 2, isSentNow: false } });
  progress.start(1, 0);
  progress.advance(1, 0, 10);
  expect(seen.at(-1)).toMatchObject({ file: { position: 1, isSentNow: true } });
  progress.expect([left(1, 0), left(2, 0)]);
  expect(seen.slice(-2)).toMatchObject([{ file: { isSentNow: true } }, { file: { isSentNow: false } }]);
});
