import { defineConfig } from "vitest/config";

/** The contract suites against third-party servers, and whatever else needs one: `npm run test:engines`. */
export default defineConfig({
  test: {
    include: ["packages/**/src/**/*.engines.test.ts", "proof/**/*.engines.test.ts"],
    globalSetup: ["packages/local/src/test-setup.ts", "packages/local/src/engines/setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ["verbose"], // it shows what is skipped, and why
  },
});
