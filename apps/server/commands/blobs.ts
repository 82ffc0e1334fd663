import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { readConfig } from "../config.ts";
import { openBlobs } from "../open-blobs.ts";
import type { Databases } from "../open-databases.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

const pageSize = 500;

export const blobsCommand: Command = {
  summary:
    "blobs verify: reads every video and picture and names what is damaged or missing, while a server runs too; --mb-per-second=50 bounds how fast",
  options: { "mb-per-second": { type: "string", default: "50" } },
  positionals: true,
  async run(values, [what, ...more]) {
    if (what !== "verify" || more.length > 0) throw refusal("ARGUMENT_INVALID", "Say: douya blobs verify.");
    const megabytes = Number(values["mb-per-second"]);
    if (!Number.isInteger(megabytes) || megabytes < 1)
      throw refusal("ARGUMENT_INVALID", "--mb-per-second is a whole number above 0.");
    const { blobs } = await openBlobs(readConfig(), []);
    await withDatabases((databases) => verify(databases, blobs, megabytes * 1024 * 1024));
  },
};

async function verify(databases: Databases, blobs: BlobStore, bytesPerSecond: number): Promise<void> {
  const sinceMs = performance.now();
  let [count, bytes, bad] = [0, 0, 0];
  /** Waits until no more was read than may be by now. */
  const inPace = async () => {
    const earlyMs = (bytes / bytesPerSecond) * 1000 - (performance.now() - sinceMs);
    if (earlyMs > 10) await delay(earlyMs);
  };
  for (const { module } of modulesOf("all")) {
    const { name, usedBlobs } = module;
    if (!usedBlobs) continue;
    const db = databases.of(name).of(name);
    for (let after = ""; ; ) {
      const page = await usedBlobs(db, after, pageSize);
      for (const { key, usedBy } of page) {
        count++;
        const hash = createHash("sha256");
        try {
          for await (const chunk of blobs.read(key)) {
            hash.update(chunk);
            bytes += chunk.length;
            await inPace();
          }
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
          // Or it was deleted since the page was read.
          const [still] = await usedBlobs(db, key.slice(0, -1), 1);
          if (still?.key !== key) continue;
          bad++;
          console.log(`MISSING ${key} of ${usedBy}`);
          continue;
        }
        if (key.includes(`/${hash.digest("hex")}.`)) continue;
        bad++;
        console.log(`DAMAGED ${key} of ${usedBy}`);
      }
      const last = page.at(-1);
      if (page.length < pageSize || !last) break;
      after = last.key;
    }
  }
  if (bad > 0) process.exitCode = 1;
  console.log(
    `${count} files, ${Math.ceil(bytes / 1024 / 1024)} MB: ${bad === 0 ? "all as they should be" : `${bad} are not as they should be; restore them from a backup`}.`,
  );
}
