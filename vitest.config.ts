import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{apps,bench,contracts,modules,platform,tests}/**/*.test.ts"],
    globalSetup: ["tests/global-setup.ts", "platform/testing/global-setup.ts"],
    testTimeout: 30_000,
    expect: { poll: { timeout: 5_000 } },
    hookTimeout: 30_000,
    maxWorkers: 2,
  },
});
