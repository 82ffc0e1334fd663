import { statfs } from "node:fs/promises";
import { availableParallelism, freemem } from "node:os";
import { DomainError } from "#platform/errors/domain-error.ts";
import { findMediaTool } from "#platform/media/find-media-tool.ts";
import { createLog } from "#platform/observe/log.ts";
import { readConfig } from "../config.ts";
import { mediaWorkerPath } from "../paths.ts";
import { openStorage } from "../storage.ts";
import { besideServer } from "./beside-server.ts";
import type { Command } from "./command.ts";
import { recountAll } from "./recount.ts";

export const doctorCommand: Command = {
  summary:
    "says what to mend on this machine; --recount compares every count with the facts, beside a server too",
  options: { recount: { type: "boolean", default: false } },
  async run(values) {
    if (values.recount) return besideServer(recountAll);
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

async function check(what: string, look: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok    ${what.padEnd(10)}${await look()}`);
  } catch (error) {
    console.log(`MEND  ${what.padEnd(10)}${(error as Error).message}`);
    process.exitCode = 1;
  }
}
