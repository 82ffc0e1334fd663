import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import suite from "./vitest.config.ts";

/** Those with a cluster in common, from the one that wants it empty to the one that stops it; then those with their own. */
const include = [
  "tests/browser.test.ts",
  "tests/follows.test.ts",
  "tests/visibility.test.ts",
  "tests/consistency/consistency.test.ts",
  "tests/consistency/devices.test.ts",
  "tests/consistency/plays.test.ts",
  "tests/cluster/fault-matrix.test.ts",
  "tests/cluster/cluster.test.ts",
  "tests/feed-property.test.ts",
  "tests/exactness.test.ts",
];

class InThisOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => include.findIndex((path) => moduleId.endsWith(path));
    return files.sort((a, b) => place(a) - place(b));
  }
}

/** What runs in the third shape, with all engines and two processes of each module: `npm run test:cluster`. */
export default defineConfig({
  test: {
    ...suite.test,
    exclude: [],
    include,
    env: { TEST_SHAPE: "cluster" },
    // A cluster has more processes than most machines have cores.
    maxWorkers: 1,
    sequence: { sequencer: InThisOrder },
  },
});
