import { defineConfig } from "vitest/config";
import suite from "./vitest.config.ts";

/** The short suite that other versions of Node.js run on what has been installed and built: scripts/test-node.mjs. */
export default defineConfig({
  test: {
    ...suite.test,
    include: ["tests/first-steps.test.ts", "modules/user/passwords.test.ts", "platform/rpc/links.test.ts"],
    globalSetup: ["platform/testing/global-setup.ts"],
  },
});
