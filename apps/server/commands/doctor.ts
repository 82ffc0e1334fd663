import { statfs } from "node:fs/promises";
import { availableParallelism, freemem } from "node:os";
import { checkDatabase } from "#platform/db/check-database.ts";
import type { Database } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { readAllLag } from "#platform/events/admin/all-lag.ts";
import { readDeadJobs, retryDeadJobs } from "#platform/jobs/dead-jobs.ts";
import { HARDWARE, type TriedEncoder } from "#platform/media/encoders.ts";
import { findMediaTool } from "#platform/media/find-media-tool.ts";
import { createLog } from "#platform/observe/log.ts";
import { readConfig, searchPath } from "../config.ts";
import { type Databases, openDatabases } from "../open-databases.ts";
import { mediaWorkerPath } from "../paths.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";
import { engineChecks } from "./engine-checks.ts";
import { partitionsOf } from "./events.ts";
import { recountAll } from "./recount.ts";
import { withDatabases } from "./with-databases.ts";

const schemas = modulesOf("all").map(({ module }) => module.name);

export const doctorCommand: Command = {
  summary:
    "says what to mend on this machine; --recount compares every count with the facts, --retry-jobs has jobs that were given up tried again, both while a server runs too",
  options: {
    recount: { type: "boolean", default: false },
    "retry-jobs": { type: "boolean", default: false },
  },
  async run(values) {
    if (values.recount) return withDatabases(recountAll);
    if (values["retry-jobs"]) return withDatabases(retryAll);
    const config = readConfig();
    const log = createLog("silent");
    await check("Node.js", async () => `${process.version}, ${availableParallelism()} cores`);
    await check("Memory", async () => {
      const megabytes = Math.floor(freemem() / 1024 / 1024);
      if (megabytes < 512) throw new Error(`only ${megabytes} MB free; processing videos wants 512`);
      return `${megabytes} MB free`;
    });
    await check("Database", async () => {
      if (config.databaseUrl) return checkDatabase(config.databaseUrl, config.databaseReplicaUrls);
      const databases = await openDatabases(config, log).catch((error) => {
        if (error instanceof DomainError && error.reason === "DATA_IN_USE") return undefined;
        throw error;
      });
      if (!databases) return "in use by a running server";
      try {
        return await versionOf(databases.main);
      } finally {
        await databases.close();
      }
    });
    await check("Modules", () => withDatabases(lookAtModuleDatabases));
    for (const { name, isUsed, look } of engineChecks)
      if (isUsed(config)) await check(name, () => look(config));
    await check("Jobs", () => withDatabases(lookForDeadJobs));
    await check("Events", () => withDatabases((databases) => lookAtEvents(databases, config.stalledMs)));
    for (const { module } of modulesOf("all"))
      for (const [name, look] of Object.entries(module.checks ?? {}))
        await check(name, () =>
          withDatabases((databases) => look(databases.of(module.name).of(module.name))),
        );
    await check("Disk", async () => {
      const { bavail, bsize } = await statfs(config.dataDir);
      const gigabytes = (bavail * bsize) / 1024 ** 3;
      if (gigabytes < 1) throw new Error(`only ${gigabytes.toFixed(1)} GB left for ${config.dataDir}`);
      return `${gigabytes.toFixed(1)} GB free for ${config.dataDir}`;
    });
    let encoders: readonly TriedEncoder[] = [];
    await check("Media", async () => {
      const tool = await findMediaTool({
        workerPath: mediaWorkerPath,
        searchPath,
        dataDir: config.dataDir,
        ffmpegPath: config.ffmpeg || undefined,
        hardware: config.encoder === "auto" ? HARDWARE : [],
      });
      await tool.check();
      encoders = tool.encoders ?? [];
      const lacks = tool.confinement?.lacks ?? [];
      return lacks.length === 0 ? tool.name : `${tool.name}; its decoders do without ${lacks.join(", ")}`;
    });
    await check("Encoders", async () => {
      const tried = encoders.map(({ name, problem }) =>
        problem ? `${name} does not (${problem})` : `${name} works`,
      );
      return ["libx264 works", ...tried].join("; ");
    });
  },
};

async function versionOf({ pool }: Database): Promise<string> {
  const { rows } = await pool.query<{ version: string }>("select version()");
  return rows[0]!.version.split(" on ")[0]!;
}

/** Those that single modules have for themselves. */
async function lookAtModuleDatabases(databases: Databases): Promise<string> {
  const own = databases.all().filter(({ database }) => database !== databases.main);
  const versions = own.map(async ({ name, database }) => {
    const sinceMs = performance.now();
    const version = await versionOf(database);
    return `${name} on ${version} (${(performance.now() - sinceMs).toFixed(1)} ms)`;
  });
  return (await Promise.all(versions)).join(", ") || "all in the main database";
}

async function lookForDeadJobs(databases: Databases): Promise<string> {
  const found = await Promise.all(
    databases.all().map(({ database }) => readDeadJobs(database.pool, schemas)),
  );
  const dead = found.flat();
  if (dead.length === 0) return "none given up";
  const named = dead.map(({ kind, count, lastError }) => `${count} × ${kind} (${lastError})`).join(", ");
  throw new Error(`given up: ${named}. Mend the cause, then run: douya doctor --retry-jobs`);
}

/** Dead letters, groups without members that keep the log from being trimmed, and groups that are late. */
async function lookAtEvents(databases: Databases, stalledMs: number): Promise<string> {
  const groups = await readAllLag(databases.all().map(({ database }) => database.pool));
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
  const problems = [...dead, ...abandoned, ...behind];
  if (problems.length > 0) throw new Error(problems.join("; "));
  return `none left behind, ${(await partitionsOf(databases)).join(", ")}`;
}

async function retryAll(databases: Databases): Promise<void> {
  let count = 0;
  for (const { database } of databases.all()) count += await retryDeadJobs(database.pool, schemas);
  console.log(`${count} to be tried again.`);
}

async function check(what: string, look: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok    ${what.padEnd(10)}${await look()}`);
  } catch (error) {
    console.log(`MEND  ${what.padEnd(10)}${(error as Error).message}`);
    process.exitCode = 1;
  }
}
