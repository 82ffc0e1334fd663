import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { type Caller, clipOf, publishClip, register, waitForFeed } from "./client.ts";
import { type Dataset, type DatasetSize, type Owns, openDataset } from "./dataset.ts";
import { type ServerOptions, type ServerProcess, startServer } from "./server-process.ts";

/** What all benchmarks of one run share: a data folder with people and videos, and the processes on it. */
export interface BenchEnvironment {
  dataDir: string;
  /** People with an account, whose password is `password`. */
  callers(): Promise<Caller[]>;
  /** Starts a server on the data folder, which is filled first if it is empty. */
  serve(options?: Omit<ServerOptions, "env"> & { env?: Record<string, string> }): Promise<ServerProcess>;
  /** A synthetic dataset of 10,000 people who follow 200 each, 20 of them pulled authors, in a temporary folder. */
  dataset(): Promise<Dataset>;
  owns: Owns;
  /** Stops everything and removes the folder. */
  remove(): Promise<void>;
}

const usual = { videos: 32, people: 40 };
/** Slightly more than 200 follows each, since a few random ones occur twice. */
export const datasetSize: DatasetSize = {
  users: 10_000,
  follows: 2_200_000,
  videos: 10_000,
  pulled: { oneIn: 10, strangers: 2_000 },
};

export async function createBenchEnvironment({ videos, people } = usual): Promise<BenchEnvironment> {
  const dataDir = await mkdtemp(join(tmpdir(), "douya-bench-"));
  const owned: { stop(): Promise<void> }[] = [];
  const owns: BenchEnvironment["owns"] = (it) => {
    owned.push(it);
    return it;
  };
  let filling: Promise<Caller[]> | undefined;

  /** Through the public API: accounts, and tiny clips that the pipeline publishes. */
  async function fill(): Promise<Caller[]> {
    const server = owns(await startServer({ env: { DOUYA_DATA: dataDir } }));
    const names = Array.from({ length: people }, (_, i) => `bench-${i}`);
    const callers = await Promise.all(names.map((name) => register(server.port, name)));
    const clip = await clipOf();
    for (let i = 0; i < videos; i++) {
      await publishClip(
        server.port,
        callers[i % 10]!,
        clip,
        `Video ${i}: 豆芽菜的一天, in a title of usual length`,
      );
    }
    await waitForFeed(server.port, (titles) => titles.length >= Math.min(30, videos));
    await server.stop();
    return callers;
  }
  const callers = () => {
    filling ??= fill();
    return filling;
  };

  const environment: BenchEnvironment = {
    dataDir,
    callers,
    dataset: () => openDataset(owns, join(dataDir, "dataset"), datasetSize),
    owns,
    async serve(options = {}) {
      await callers();
      return owns(await startServer({ ...options, env: { DOUYA_DATA: dataDir, ...options.env } }));
    },
    async remove() {
      for (const it of owned.reverse()) await it.stop();
      // A server that had to be killed leaves its database running.
      const dir = join(dataDir, "postgres");
      if (existsSync(join(dir, "postmaster.pid")))
        await (await startEmbeddedPostgres({ dir, log: createLog("fatal"), keepAlive: false })).stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return environment;
}
