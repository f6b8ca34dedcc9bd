import { defineConfig } from "vitest/config";

/** Every suite, the long ones of `proof/` too; `npm run test:proofs` names these. */
export default defineConfig({
  test: {
    include: ["packages/**/src/**/*.test.ts", "proof/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.engines.test.ts"],
    globalSetup: "packages/local/src/test-setup.ts",
    pool: "forks",
    maxWorkers: 4,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ["default"],
  },
});
