import { statfs } from "node:fs/promises";
import { availableParallelism, freemem } from "node:os";
import type { Database } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { readLag } from "#platform/events/admin/lag.ts";
import { readDeadJobs, retryDeadJobs } from "#platform/jobs/dead-jobs.ts";
import { findMediaTool } from "#platform/media/find-media-tool.ts";
import { createLog } from "#platform/observe/log.ts";
import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { Maintenance } from "#platform/registry/etcd/gen/etcd_pb.ts";
import { readConfig, searchPath } from "../config.ts";
import { mediaWorkerPath } from "../paths.ts";
import { openStorage } from "../storage.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";
import { recountAll } from "./recount.ts";
import { withDatabase } from "./with-database.ts";

const schemas = modulesOf("all").map(({ module }) => module.name);

export const doctorCommand: Command = {
  summary:
    "says what to mend on this machine; --recount compares every count with the facts, --retry-jobs has jobs that were given up tried again, both while a server runs too",
  options: {
    recount: { type: "boolean", default: false },
    "retry-jobs": { type: "boolean", default: false },
  },
  async run(values) {
    if (values.recount) return withDatabase(recountAll);
    if (values["retry-jobs"]) return withDatabase(retryAll);
    const config = readConfig();
    const log = createLog("silent");
    await check("Node.js", async () => `${process.version}, ${availableParallelism()} cores`);
    await check("Memory", async () => {
      const megabytes = Math.floor(freemem() / 1024 / 1024);
      if (megabytes < 512) throw new Error(`only ${megabytes} MB free; processing videos wants 512`);
      return `${megabytes} MB free`;
    });
    await check("Database", async () => {
      const storage = await openStorage(config, log).catch((error) => {
        if (error instanceof DomainError && error.reason === "DATA_IN_USE") return undefined;
        throw error;
      });
      if (!storage) return "in use by a running server";
      try {
        const { rows } = await storage.database.pool.query<{ version: string }>("select version()");
        return rows[0]!.version.split(" on ")[0]!;
      } finally {
        await storage.close();
      }
    });
    if (config.etcdUrl) await check("etcd", () => lookAtEtcd(config.etcdUrl));
    await check("Jobs", () => withDatabase(lookForDeadJobs));
    await check("Events", () => withDatabase((database) => lookAtEvents(database, config.stalledMs)));
    await check("Disk", async () => {
      const { bavail, bsize } = await statfs(config.dataDir);
      const gigabytes = (bavail * bsize) / 1024 ** 3;
      if (gigabytes < 1) throw new Error(`only ${gigabytes.toFixed(1)} GB left for ${config.dataDir}`);
      return `${gigabytes.toFixed(1)} GB free for ${config.dataDir}`;
    });
    await check("Media", async () => {
      const tool = await findMediaTool({
        workerPath: mediaWorkerPath,
        searchPath,
        dataDir: config.dataDir,
        ffmpegPath: config.ffmpeg || undefined,
      });
      await tool.check();
      const lacks = tool.confinement?.lacks ?? [];
      return lacks.length === 0 ? tool.name : `${tool.name}; its decoders do without ${lacks.join(", ")}`;
    });
  },
};

/** Its version and how long it takes. */
async function lookAtEtcd(url: string): Promise<string> {
  const etcd = connectEtcd(url);
  try {
    const startedMs = performance.now();
    const { version, leader, errors } = await etcd.call(Maintenance.method.status, {});
    const tookMs = Math.round(performance.now() - startedMs);
    if (leader === 0n) throw new Error("it has no leader: a majority of its members must be up");
    if (errors.length > 0) throw new Error(`it reports: ${errors.join(", ")}`);
    return `etcd ${version}, answers in ${tookMs} ms`;
  } finally {
    etcd.close();
  }
}

async function lookForDeadJobs({ pool }: Database): Promise<string> {
  const dead = await readDeadJobs(pool, schemas);
  if (dead.length === 0) return "none given up";
  const named = dead.map(({ kind, count, lastError }) => `${count} × ${kind} (${lastError})`).join(", ");
  throw new Error(`given up: ${named}. Mend the cause, then run: douya doctor --retry-jobs`);
}

/** Dead letters, groups without members that keep the log from being trimmed, and groups that are late. */
async function lookAtEvents({ pool }: Database, stalledMs: number): Promise<string> {
  const groups = await readLag(pool);
  const dead = groups
    .filter(({ deadLetters }) => deadLetters > 0)
    .map(({ group, deadLetters }) => `${deadLetters} that ${group} could not handle, see: douya events dead`);
  // Without a server, no group has members.
  const serving = groups.some(({ members }) => members > 0);
  const abandoned = groups
    .filter(({ members }) => serving && members === 0)
    .map(({ group, records, seconds }) => {
      const held = `${records} events wait, the oldest for ${Math.round(seconds / 3600)} h`;
      return `nobody works for ${group} (${held}): start its module, or, if there is none any more, run: douya events forget --group=${group}`;
    });
  const behind = groups
    .filter(({ members, records, seconds }) => members > 0 && records > 0 && seconds * 1000 > stalledMs)
    .map(
      ({ group, records, seconds }) =>
        `${group} has ${records} events to handle, the oldest for ${Math.round(seconds)} s: if that does not go down, the log says why`,
    );
  const found = [...dead, ...abandoned, ...behind];
  if (found.length > 0) throw new Error(found.join("; "));
  return "none left behind";
}

async function retryAll({ pool }: Database): Promise<void> {
  console.log(`${await retryDeadJobs(pool, schemas)} to be tried again.`);
}

async function check(what: string, look: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok    ${what.padEnd(10)}${await look()}`);
  } catch (error) {
    console.log(`MEND  ${what.padEnd(10)}${(error as Error).message}`);
    process.exitCode = 1;
  }
}
