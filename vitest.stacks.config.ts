import { defineConfig } from "vitest/config";

/** The stacks, synthesized a dozen times: `npm run test:stacks`. */
export default defineConfig({
  test: {
    include: ["stacks/{proof,rehearse}/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default"],
  },
});
