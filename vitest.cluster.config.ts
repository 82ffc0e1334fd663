import { defineConfig } from "vitest/config";
import suite from "./vitest.config.ts";

/** What runs in the third shape, with all engines and two processes of each module: `npm run test:cluster`. */
export default defineConfig({
  test: {
    ...suite.test,
    exclude: [],
    include: [
      "tests/cluster/*.test.ts",
      "tests/consistency/consistency.test.ts",
      "tests/follows.test.ts",
      "tests/visibility.test.ts",
      "tests/exactness.test.ts",
      "tests/feed-property.test.ts",
      "tests/browser.test.ts",
    ],
    env: { TEST_SHAPE: "cluster" },
    // A cluster has more processes than most machines have cores.
    maxWorkers: 1,
  },
});
