import type { SSTConfig } from "sst";
import { alarms } from "./stacks/alarms.ts";
import { api } from "./stacks/api.ts";
import { backup } from "./stacks/backup.ts";
import { cache } from "./stacks/cache.ts";
import { cluster } from "./stacks/cluster.ts";
import { console } from "./stacks/console.ts";
import { database } from "./stacks/database.ts";
import { delivery } from "./stacks/delivery.ts";
import { dns } from "./stacks/dns.ts";
import { identity } from "./stacks/identity.ts";
import { ingest } from "./stacks/ingest.ts";
import { keys } from "./stacks/keys.ts";
import { network } from "./stacks/network.ts";
import { queues } from "./stacks/queues.ts";
import { reader } from "./stacks/reader.ts";
import { isRecovery, recovery } from "./stacks/recovery.ts";
import { schedules } from "./stacks/schedules.ts";
import { prepare } from "./stacks/settings.ts";
import { readSite } from "./stacks/site.ts";
import { storage } from "./stacks/storage.ts";
import { stream } from "./stacks/stream.ts";

export default {
  config: () => ({ name: "strongroom", region: readSite().region }),
  stacks(app) {
    prepare(app);
    app.setDefaultFunctionProps({
      runtime: "nodejs22.x",
      architecture: "arm_64",
      memorySize: 512,
      tracing: "active",
      nodejs: {
        format: "esm",
        sourcemap: false, // the maps would go to a console that is no more; names are kept in the bundle
        minify: true,
        // SST installs sharp 0.32.6 for whoever imports it, and pg-native for pg; neither belongs into a function, and
        // nor do the adapters of one machine, which a function loads for no configuration that it can have.
        esbuild: { external: ["sharp", "pg-native", "@strongroom/core/embedded/*"], target: "es2022" },
      },
    });
    if (isRecovery(app.stage)) return void app.stack(recovery);

    app.stack(keys).stack(network);
    app.stack(storage).stack(database).stack(queues).stack(stream).stack(cache).stack(identity);
    app.stack(reader).stack(api).stack(ingest).stack(schedules);
    app.stack(cluster).stack(console).stack(delivery).stack(dns).stack(backup).stack(alarms);
  },
} satisfies SSTConfig;
