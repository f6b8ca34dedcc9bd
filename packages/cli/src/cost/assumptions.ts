/** All that an estimate takes for granted about documents and people, in one place. Bytes, milliseconds and shares as named. */
export const assumptions = {
  renditionBytes: 280_000,
  thumbnailBytes: 14_000,
  captureFactsBytes: 1_000,
  cpuMsPerPage: 125,
  cpuMsPerDocument: 60,
  workerUtilisation: 0.5,
  spotShare: 0.7,
  spotDiscount: 0.6,
  apiRequestsPerDocument: 12,
  apiGbSeconds: 0.06,
  readerGbSeconds: 0.53,
  previewsPerDocument: 1,
  originalsReadPerDocument: 0.05,
  lateReadsPerYear: 0.02,
  archiveAfterDays: 365,
  archivedShare: 0.9,
  databaseBytesPerDocument: 12_000,
  databaseIosPerDocument: 60,
  databaseCpuMsPerDocument: 15,
  logBytesPerDocument: 27_000,
  accessLogBytesPerRequest: 600,
  internetBytesPerDocument: 15_000,
  crossZoneBytesPerDocument: 200_000,
  documentsPerUserAndDay: 5,
  sprintDays: 14,
  overlapDays: 3,
  clusterLogGbPerMonth: 18,
} as const;

export type Assumption = keyof typeof assumptions;

/** Each assumption in words, with its ground. */
export const assumptionWords: Readonly<Record<Assumption, string>> = {
  renditionBytes: "bytes of a page as JPEG of 2,000 px (the demo's photos: 270–300 kB)",
  thumbnailBytes: "bytes of a thumbnail of 320 px",
  captureFactsBytes: "bytes of capture facts of a document",
  cpuMsPerPage: "CPU-ms to render one 12-megapixel photo (npm run bench -- photo)",
  cpuMsPerDocument: "CPU-ms for the rest of a document: fetch, hash, seal, store, relay, notify",
  workerUtilisation: "of the workers' CPU in use on average; the rest is headroom for peaks",
  spotShare: "of the workers on spot capacity",
  spotDiscount: "off the on-demand price for spot capacity, typically",
  apiRequestsPerDocument: "requests to the API: announce, complete, polls, lists, agents",
  apiGbSeconds: "Lambda GB-seconds per API request (1 GB for 60 ms)",
  readerGbSeconds: "Lambda GB-seconds per artefact read (1,769 MB for 300 ms)",
  previewsPerDocument: "times that each page is looked at: rendition and thumbnail",
  originalsReadPerDocument: "of the originals downloaded in the first weeks",
  lateReadsPerYear: "of the artefacts read per year after that: disputes, exports, restores",
  archiveAfterDays: "days after which a document may go to Deep Archive",
  archivedShare: "of the documents that go there; the rest is held, or was restored",
  databaseBytesPerDocument: "bytes in the database, indexes and audit included",
  databaseIosPerDocument: "storage I/Os of the database",
  databaseCpuMsPerDocument: "CPU-ms of the database, at 0.25 vCPU per ACU and half of it used",
  logBytesPerDocument: "bytes of logs: API access, functions, workers, flows",
  accessLogBytesPerRequest: "bytes of S3 access log per request",
  internetBytesPerDocument: "bytes through NAT: pushes, webhooks",
  crossZoneBytesPerDocument: "bytes between zones: database, stream",
  documentsPerUserAndDay: "documents of an active user (Cognito bills users)",
  sprintDays: "days of a sprint, after which the cells change places",
  overlapDays: "days of it on which both cells run: warm, beta, shift, drain",
  clusterLogGbPerMonth: "GB of logs of a running cell: control plane, pods of the platform",
};

/** What the vault's lifecycle does; `stacks/storage.ts` holds the same numbers and a test compares them. */
export const lifecycle = {
  instantRetrievalAfterDays: 90,
  /** Smaller objects stay in Standard. */
  instantRetrievalOverBytes: 256 * 1024,
} as const;

/** How long uploads lie in S3: a day until the reconciler deletes them, a day as a deleted version; their copies 30 as such. */
export const stagingDays = { here: 2, copy: 31 } as const;

/** Every stored object is read back once in so many days; core's period `fixity` holds the same number and a test compares them. */
export const fixityDays = 90;
