import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { testWorkers } from "./platform/testing/free-ports.ts";
import { patienceMs } from "./platform/testing/patience.ts";

/** Half a minute in which it does nothing but wait: where it comes last, nothing runs beside it. */
const waits = "tests/idle.test.ts";

class WaitsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isOne = ({ moduleId }: TestSpecification) => Number(moduleId.endsWith(waits));
    return (await super.sort(files)).sort((a, b) => isOne(b) - isOne(a));
  }
}

export default defineConfig({
  test: {
    // Those in tests/cluster want all engines, those in tests/upgrade an older version: they have configurations of their own.
    exclude: ["**/node_modules/**", "tests/cluster/**", "tests/upgrade/**"],
    include: ["{apps,bench,contracts,modules,platform,tests}/**/*.test.ts"],
    globalSetup: ["tests/global-setup.ts", "platform/testing/global-setup.ts"],
    // More than any one wait in it, so that a wait that fails says what it waited for.
    testTimeout: 5 * patienceMs,
    hookTimeout: 5 * patienceMs,
    expect: { poll: { timeout: patienceMs } },
    maxWorkers: testWorkers,
    sequence: { sequencer: WaitsFirst },
    // Files leave nothing behind, and loading what they import takes longer than most of them.
    isolate: false,
  },
});
