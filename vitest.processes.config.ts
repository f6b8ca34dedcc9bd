import { defineConfig } from "vitest/config";

/** Whatever starts processes of ours, kills them, or is hostile in one: `npm run test:processes`. */
export const suites = [
  "packages/eks-workers/src/main.test.ts",
  "packages/eks-workers/src/render/{hostile,pool}.test.ts",
  "packages/local/src/{demo,kill,main,parts,system,whole-way}.test.ts",
];

export default defineConfig({
  test: {
    include: suites,
    globalSetup: "packages/local/src/test-setup.ts",
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default"],
  },
});
