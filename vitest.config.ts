import { defineConfig } from "vitest/config";
import { suites } from "./vitest.processes.config.ts";

export default defineConfig({
  test: {
    include: [
      "packages/**/src/**/*.test.ts",
      "proof/**/*.test.ts",
      "bench/**/*.test.ts",
      "stacks/**/*.test.ts",
    ],
    exclude: [
      "**/node_modules/**",
      "**/*.engines.test.ts",
      // The long proofs have a command of their own: npm run test:proofs.
      "proof/{audit,canary,chaos,erasure,isolation,outage,restore,simulate,toxic,upgrade,vault,wycheproof}/**",
      // A minute and more of synthesis: npm run test:stacks.
      "stacks/{proof,rehearse}/**",
      ...suites, // npm run test:processes
    ],
    globalSetup: "packages/local/src/test-setup.ts",
    pool: "forks",
    maxWorkers: 4,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default"],
  },
});
