import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe } from "vitest";
import { bundleScript } from "./bundle-script.ts";
import { type ConsumedLog, openStreamLog, openTableLog } from "./consumed-log.ts";
import { withNats } from "./private-nats.ts";

/** The same tests of the log in its table, and of what comes through JetStream. */
export function describeLogs(define: (open: () => Promise<ConsumedLog>) => void): void {
  describe("in the table", () => define(openTableLog));

  describe("over JetStream, in another database", () => {
    const nats = withNats();
    define(() => openStreamLog(nats().url));
  });
}

/** The path of a script for a process that consumes, which is there while the tests of this file run. */
export function consumerScript(): string {
  // In the source folder, so that the script finds node_modules.
  const build = fileURLToPath(new URL("../../build", import.meta.url));
  const script = join(build, `consume-events-${process.pid}.mjs`);
  beforeAll(async () => {
    await mkdir(build, { recursive: true });
    await bundleScript(fileURLToPath(new URL("consume-events.ts", import.meta.url)), script);
  });
  afterAll(() => rm(script, { force: true }));
  return script;
}
