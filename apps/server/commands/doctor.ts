import { statfs } from "node:fs/promises";
import { availableParallelism, freemem } from "node:os";
import { recount } from "#platform/db/recount.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { findMediaTool } from "#platform/media/find-media-tool.ts";
import { createLog } from "#platform/observe/log.ts";
import { type Config, readConfig } from "../config.ts";
import { mediaWorkerPath } from "../paths.ts";
import { progressBar } from "../progress-bar.ts";
import { openStorage } from "../storage.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";

/** For one count; a hundred million rows take minutes. */
const recountTimeoutMs = 3_600_000;

export const doctorCommand: Command = {
  summary:
    "says what to mend on this machine; --recount compares every count with the facts, beside a server too",
  options: { recount: { type: "boolean", default: false } },
  async run(values) {
    const config = readConfig();
    if (values.recount) return recountAll(config);
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
    await check("Disk", async () => {
      const { bavail, bsize } = await statfs(config.dataDir);
      const gigabytes = (bavail * bsize) / 1024 ** 3;
      if (gigabytes < 1) throw new Error(`only ${gigabytes.toFixed(1)} GB left for ${config.dataDir}`);
      return `${gigabytes.toFixed(1)} GB free for ${config.dataDir}`;
    });
    await check("Media", async () => {
      const tool = await findMediaTool({
        workerPath: mediaWorkerPath,
        ffmpegPath: config.ffmpeg || undefined,
      });
      return tool.name;
    });
  },
};

/** A table of all counts; a difference is a bug of ours or somebody's hand in the tables. */
async function recountAll(config: Config): Promise<void> {
  const storage = await openStorage(config, createLog(config.logLevel), { beside: true });
  try {
    const modules = modulesOf("all").flatMap(({ module: { name, recount: counts } }) =>
      counts ? [{ name, counts }] : [],
    );
    const total = modules.reduce((sum, { counts }) => sum + counts.length, 0);
    const progress = progressBar();
    let begun = 0;
    const done = await recount(storage.database, modules, {
      statementTimeoutMs: recountTimeoutMs,
      onStart: () => progress("counts", ++begun, total),
    });
    for (const { module, what, tookMs, drifts, first } of done) {
      const name = `${module.padEnd(12)}${what.padEnd(26)}`;
      if (drifts === 0) {
        console.log(`ok    ${name}${Math.round(tookMs)} ms`);
        continue;
      }
      process.exitCode = 1;
      console.log(
        `DRIFT ${name}${drifts} differ${drifts > first.length ? `, the first ${first.length}:` : ":"}`,
      );
      for (const { key, kept, facts } of first) console.log(`      ${key}: kept ${kept}, facts say ${facts}`);
    }
  } finally {
    await storage.close();
  }
}

async function check(what: string, look: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok    ${what.padEnd(10)}${await look()}`);
  } catch (error) {
    console.log(`MEND  ${what.padEnd(10)}${(error as Error).message}`);
    process.exitCode = 1;
  }
}
