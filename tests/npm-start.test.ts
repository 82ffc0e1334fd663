import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { until, within } from "./harness/within.ts";

test("npm start that is asked to end ends the server too, which it runs in a shell", async () => {
  const folder = await mkdtemp(join(tmpdir(), "douya-npm-"));
  // The database may run as another account if this one is root.
  await chmod(folder, 0o755);
  const { PATH = "", HOME = "" } = process.env;
  const [port] = await freePorts(1);
  const npm = spawn("npm", ["start"], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: { PATH, HOME, DOUYA_DATA: join(folder, "data"), DOUYA_PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  // Once nothing can write to us any more, the server is gone too.
  const closed = once(npm, "close");
  try {
    let output = "";
    npm.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    await until("the server runs", async () => output.includes("Ctrl-C"));
    npm.kill("SIGTERM");
    await within(closed, () => `the server goes on:\n${output}`);
    expect(output).toContain("Everything is saved.");
  } finally {
    try {
      process.kill(-npm.pid!, "SIGTERM");
    } catch {
      // All are gone.
    }
    await within(closed, () => "the server does not end");
    await rm(folder, { recursive: true, force: true });
  }
});
