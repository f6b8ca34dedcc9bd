/** One row of the table of imports: what a file in that place may import, and what it may never (words). */
export type ImportRow = { place: string; path: string; may: string; never: string };

/** The table of imports, row by row, with an example of everything that each row allows and forbids. */
export const importRows: ImportRow[] = [
  {
    place: "a noun of core",
    path: "packages/core/src/document/probe.ts",
    may: `zod kysely node:crypto ./document.ts ../job/job.ts ../ports/objects.ts ../database/tables.ts
      ../errors.ts ../ids.ts ../clock.ts ../log.ts`,
    never: `../aws/objects.ts ../embedded/objects.ts ../contract/objects.ts ../config.ts ../api.ts
      @aws-sdk/client-kms firebase-admin firebase-admin/messaging sharp @middy/core pg node:process
      @strongroom/core/errors @strongroom/local/http @strongroom/functions/api/accept-upload
      ../../../core/src/errors.ts ../../../functions/src/api/accept-upload.ts`,
  },
  {
    place: "a file at the root of core",
    path: "packages/core/src/probe.ts",
    may: "zod node:crypto ./errors.ts ./document/document.ts",
    never: `./aws/objects.ts ./embedded/objects.ts ./contract/objects.ts ./ports/objects.ts
      ./database/tables.ts pg @aws-sdk/client-kms @strongroom/local/http`,
  },
  {
    place: "core/ports",
    path: "packages/core/src/ports/probe.ts",
    may: "./objects.ts ../document/rendering.ts ../database/tables.ts ../errors.ts",
    never: `../aws/objects.ts ../embedded/objects.ts ../contract/objects.ts ../config.ts pg
      @aws-sdk/client-kms @strongroom/local/http`,
  },
  {
    place: "core/database",
    path: "packages/core/src/database/probe.ts",
    may: "pg kysely ./tables.ts ../ports/objects.ts ../document/document.ts ../errors.ts",
    never: `../aws/objects.ts ../embedded/objects.ts ../contract/objects.ts ../config.ts @aws-sdk/client-kms
      @strongroom/local/http`,
  },
  {
    place: "core/contract",
    path: "packages/core/src/contract/probe.ts",
    may: "vitest fast-check node:stream ../ports/objects.ts ../errors.ts ../ids.ts ../clock.ts",
    never: `../aws/objects.ts ../embedded/objects.ts ../document/document.ts ../config.ts
      ../database/tables.ts pg @aws-sdk/client-kms @strongroom/local/http`,
  },
  {
    place: "core/aws",
    path: "packages/core/src/aws/probe.ts",
    may: "@aws-sdk/client-kms ../ports/objects.ts ../errors.ts ../ids.ts ../clock.ts ../log.ts ../config.ts",
    never: `../embedded/objects.ts ../document/document.ts ../database/tables.ts ../api.ts
      ../contract/objects.ts sharp @middy/core @strongroom/local/http`,
  },
  {
    place: "core/aws/database",
    path: "packages/core/src/aws/database.ts",
    may: "@aws-sdk/rds-signer ../ports/database.ts ../database/tables.ts ../config.ts",
    never: "../embedded/database.ts ../document/document.ts ../contract/database.ts @strongroom/local/http",
  },
  {
    place: "core/aws/connect",
    path: "packages/core/src/aws/connect.ts",
    may: "@aws-sdk/client-kms ../ports/objects.ts ../config.ts ../embedded/cache.ts",
    never: "../embedded/queue.ts ../document/document.ts ../database/tables.ts @strongroom/local/http",
  },
  {
    place: "core/embedded",
    path: "packages/core/src/embedded/probe.ts",
    may: "pg lru-cache ../ports/objects.ts ../errors.ts ../ids.ts ../clock.ts ../log.ts ../config.ts",
    never: `../aws/objects.ts ../document/document.ts ../database/tables.ts ../api.ts ../contract/objects.ts
      @aws-sdk/client-kms firebase-admin sharp @strongroom/local/http`,
  },
  {
    place: "core/embedded/database",
    path: "packages/core/src/embedded/database.ts",
    may: "pg ../ports/database.ts ../database/tables.ts ../config.ts",
    never: "../aws/objects.ts ../document/document.ts @aws-sdk/client-kms @strongroom/local/http",
  },
  {
    place: "a handler",
    path: "packages/functions/src/api/probe.ts",
    may: "@middy/core ../middleware.ts @strongroom/core/api @strongroom/core/document/document",
    never: `@strongroom/core/aws/objects @strongroom/core/embedded/objects @aws-sdk/client-kms
      @strongroom/core/contract/objects @strongroom/eks-workers/loop @strongroom/local/http
      @strongroom/cli/status ../../../core/src/errors.ts ../../../eks-workers/src/loop.ts`,
  },
  {
    place: "the ports of the handlers",
    path: "packages/functions/src/ports.ts",
    may: "@strongroom/core/aws/objects @strongroom/core/embedded/objects @strongroom/core/config",
    never: "@strongroom/eks-workers/loop @strongroom/local/http @aws-sdk/client-kms",
  },
  {
    place: "a worker",
    path: "packages/eks-workers/src/render/probe.ts",
    may: "sharp pdf-lib ../loop.ts @strongroom/core/document/rendering",
    never: `@strongroom/core/aws/objects @strongroom/core/embedded/objects @aws-sdk/client-kms
      @strongroom/core/contract/objects @strongroom/functions/middleware @strongroom/local/http
      ../../../core/src/errors.ts`,
  },
  {
    place: "the ports of the workers",
    path: "packages/eks-workers/src/ports.ts",
    may: "@strongroom/core/aws/objects @strongroom/core/embedded/objects @strongroom/core/config",
    never: "@strongroom/functions/middleware @strongroom/local/http @aws-sdk/client-kms",
  },
  {
    place: "local",
    path: "packages/local/src/probe.ts",
    may: `@strongroom/core/embedded/objects @strongroom/functions/middleware @strongroom/cli/status
      @strongroom/eks-workers/loop`,
    never: "../../core/src/errors.ts ../../functions/src/middleware.ts",
  },
  {
    place: "the command line",
    path: "packages/cli/src/probe.ts",
    may: `commander @strongroom/core/api @strongroom/core/ids @strongroom/core/receipt/receipt
      @strongroom/core/document/rendering`,
    never: `@strongroom/core/database/tables @strongroom/core/ports/objects @strongroom/core/config
      @strongroom/core/aws/objects @strongroom/core/embedded/objects
      @strongroom/core/document/seal-document @strongroom/functions/middleware @strongroom/local/http pg
      @aws-sdk/client-kms ../../core/src/api.ts`,
  },
  {
    place: "the console",
    path: "packages/console/src/probe.ts",
    may: "@strongroom/core/api @strongroom/core/ids @strongroom/core/receipt/receipt",
    never: "@strongroom/core/database/tables @strongroom/core/ports/objects @strongroom/local/http kysely",
  },
  {
    place: "a stack",
    path: "stacks/probe.ts",
    may: "./network.ts @strongroom/core/api @strongroom/core/claim-names @strongroom/core/event/event",
    never: "@strongroom/functions/middleware @strongroom/core/config ../packages/functions/src/middleware.ts",
  },
  {
    place: "a proof",
    path: "proof/simulate/main.ts",
    may: "@strongroom/local/http @strongroom/core/document/document",
    never: "../../packages/local/src/http.ts",
  },
  {
    place: "the judge",
    path: "proof/check/main.ts",
    may: "node:crypto pg ./format.ts",
    never: "@strongroom/core/errors @strongroom/local/http ../simulate/main.ts zod",
  },
  {
    place: "a race",
    path: "bench/main.ts",
    may: "@strongroom/local/http @strongroom/core/errors",
    never: "../packages/local/src/http.ts",
  },
  {
    place: "a test",
    path: "packages/core/src/document/probe.test.ts",
    may: "vitest ../embedded/objects.ts @strongroom/local/http",
    never: "../../../local/src/http.ts ../../../core/src/errors.ts",
  },
];
