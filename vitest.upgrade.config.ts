import { defineConfig } from "vitest/config";
import suite from "./vitest.config.ts";

/** An older version is taken to this one under load: `npm run test:upgrade`. */
export default defineConfig({
  test: { ...suite.test, exclude: [], include: ["tests/upgrade/*.test.ts"] },
});
