import { daysPerMonth, gigabyte, prices, storageMinimums } from "./prices.ts";

export type StorageClass = "standard" | "instantRetrieval" | "deepArchive";

/** Dollars that one object costs for each day in a storage class, with the bytes that S3 adds or bills at least. */
export function storedUsdPerDay(storageClass: StorageClass, sizeBytes: number): number {
  const daily = (bytes: number, usdPerGbMonth: number) => (bytes / gigabyte) * (usdPerGbMonth / daysPerMonth);
  switch (storageClass) {
    case "standard":
      return daily(sizeBytes, prices.s3Standard.usd);
    case "instantRetrieval":
      return daily(
        Math.max(sizeBytes, storageMinimums.instantRetrieval.objectBytes),
        prices.s3InstantRetrieval.usd,
      );
    case "deepArchive":
      return (
        daily(sizeBytes + storageMinimums.deepArchive.indexBytes, prices.s3DeepArchive.usd) +
        daily(storageMinimums.deepArchive.nameBytes, prices.s3Standard.usd)
      );
  }
}

/** Dollars to move one object into a storage class by lifecycle. */
export function movedUsd(into: "instantRetrieval" | "deepArchive"): number {
  return (into === "instantRetrieval" ? prices.s3ToInstantRetrieval.usd : prices.s3ToDeepArchive.usd) / 1_000;
}

/** Dollars to read one object once, whole; out of Deep Archive by a standard restore, whose copy stays seven days. */
export function readUsd(storageClass: StorageClass, sizeBytes: number): number {
  const size = sizeBytes / gigabyte;
  switch (storageClass) {
    case "standard":
      return prices.s3Get.usd / 1_000;
    case "instantRetrieval":
      return prices.s3InstantRetrievalGet.usd / 1_000 + size * prices.s3InstantRetrievalRead.usd;
    case "deepArchive":
      return (
        prices.s3DeepArchiveRestore.usd / 1_000 +
        size * prices.s3DeepArchiveRead.usd +
        7 * storedUsdPerDay("standard", sizeBytes) +
        prices.s3Get.usd / 1_000
      );
  }
}
