import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { connectToEmbedded } from "./harness/embedded-database.ts";
import { type Program, startProgram } from "./harness/program.ts";

let folder: string;
let program: Program;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-idle-"));
  // The database may run as another account, when this one is root.
  await chmod(folder, 0o755);
  const [port] = await freePorts(1);
  program = startProgram(["serve"], { DOUYA_DATA: join(folder, "data"), DOUYA_PORT: String(port) });
  await program.printed(/Stop {5}Ctrl-C/);
});
afterAll(async () => {
  await program.stop();
  await rm(folder, { recursive: true, force: true });
});

test("a server with nothing to do commits twice a second at most, and seldom syncs", async () => {
  const client = await connectToEmbedded(join(folder, "data"));
  const read = async () => {
    const { rows } = await client.query<{ seconds: number; commits: number; syncs: number }>(`
      select extract(epoch from clock_timestamp())::float8 as seconds,
        (select sum(xact_commit)::float8 from pg_stat_database where datname = current_database()) as commits,
        (select sum(fsyncs)::float8 from pg_stat_io where object = 'wal') as syncs`);
    return rows[0]!;
  };
  /** Each a second, over some heartbeats. */
  async function rates() {
    const before = await read();
    await delay(8_000);
    const after = await read();
    const seconds = after.seconds - before.seconds;
    return {
      commits: Math.floor((after.commits - before.commits) / seconds),
      syncs: Math.floor((after.syncs - before.syncs) / seconds),
    };
  }
  try {
    // The start has some work left, and the database cleans up after it.
    await expect.poll(rates).toSatisfy(({ commits, syncs }) => commits <= 2 && syncs === 0);
  } finally {
    await client.end();
  }
});
