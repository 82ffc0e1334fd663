import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{apps,bench,contracts,modules,platform,tests}/**/*.test.ts"],
    globalSetup: ["tests/global-setup.ts", "platform/testing/global-setup.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
  },
});
