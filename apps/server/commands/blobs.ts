import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isDiskAway } from "#platform/errors/no-place.ts";
import { readConfig } from "../config.ts";
import { type BlobPlace, openBlobs } from "../open-blobs.ts";
import type { Databases } from "../open-databases.ts";
import { progressBar } from "../progress-bar.ts";
import { isNamedBy, usedIn } from "../used-blobs.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

/** Of a page, how many are asked for at once. */
const askedAtOnce = 16;
const largestOwners = 20;
const usage = "Say: douya blobs verify, douya blobs usage, or douya blobs move --to=s3 (or disk).";

export const blobsCommand: Command = {
  summary:
    "blobs verify: reads every video and picture and names what is damaged or missing (--mb-per-second=50 bounds how fast); " +
    "blobs usage: how much there is, by kind and by person; blobs move --to=s3|disk: moves all of it; all while a server runs too",
  options: { "mb-per-second": { type: "string", default: "50" }, to: { type: "string" } },
  positionals: true,
  async run(values, [what, ...more]) {
    if (more.length > 0) throw refusal("ARGUMENT_INVALID", usage);
    const megabytes = Number(values["mb-per-second"]);
    if (!Number.isInteger(megabytes) || megabytes < 1)
      throw refusal("ARGUMENT_INVALID", "--mb-per-second is a whole number above 0.");
    const config = readConfig();
    const { blobs, places } = await openBlobs(config, []);
    if (what === "verify")
      await withDatabases((databases) => verify(databases, blobs, megabytes * 1024 * 1024));
    else if (what === "usage") await withDatabases((databases) => showUsage(databases, blobs));
    else if (what === "move") {
      const to = values.to;
      if (to !== "disk" && to !== "s3") throw refusal("ARGUMENT_INVALID", usage);
      if (to !== config.blobs)
        throw refusal(
          "ARGUMENT_INVALID",
          `New files still go elsewhere: set DOUYA_BLOBS=${to}, start the processes again, then move.`,
        );
      const from = places[to === "s3" ? "disk" : "s3"];
      if (!from) throw refusal("STORE_SETTINGS_MISSING", { settings: "DOUYA_S3_BUCKET" });
      await withDatabases((databases) => move(databases, from, places[to]!));
    } else throw refusal("ARGUMENT_INVALID", usage);
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
  for await (const page of usedIn(databases)) {
    for (const { key, usedBy, uses, db } of page) {
      count++;
      const hash = createHash("sha256");
      try {
        for await (const chunk of blobs.read(key)) {
          hash.update(chunk);
          bytes += chunk.length;
          await inPace();
        }
      } catch (error) {
        if (isDiskAway(error)) {
          bad++;
          console.log(`AWAY ${key} of ${usedBy}`);
          continue;
        }
        if (error instanceof DomainError) throw error;
        const { code } = error as NodeJS.ErrnoException;
        // Or it was deleted since the page was read.
        if (code === "ENOENT" && !(await uses.hold(db, key, async (used) => used))) continue;
        bad++;
        console.log(`${code === "ENOENT" ? "MISSING" : "DAMAGED"} ${key} of ${usedBy}`);
        continue;
      }
      if (isNamedBy(key, hash.digest("hex"))) continue;
      bad++;
      console.log(`DAMAGED ${key} of ${usedBy}`);
    }
  }
  if (bad > 0) process.exitCode = 1;
  const outcome =
    bad === 0 ? "all as they should be" : `${bad} are not as they should be; restore them from a backup`;
  console.log(`${count} files, ${inMegabytes(bytes)}: ${outcome}.`);
}

/** What is moved already is passed over, so the command can be ended at any moment and repeated. */
async function move(databases: Databases, from: BlobPlace, to: BlobPlace): Promise<void> {
  const show = progressBar();
  let total = 0;
  for await (const page of usedIn(databases)) total += page.length;
  let [done, moved, bytes, bad] = [0, 0, 0, 0];
  for await (const page of usedIn(databases)) {
    for (const { key, usedBy, uses, db } of page) {
      const sizeBytes = await from.blobs.size(key).catch(unlessAway);
      // Of what was moved already nothing more is asked.
      const there = sizeBytes === undefined ? undefined : await to.blobs.size(key).catch(unlessAway);
      if (sizeBytes === "away" || there === "away") {
        bad++;
        console.log(`AWAY ${key} of ${usedBy}: it stays where it is`);
      } else if (there !== undefined && there !== sizeBytes) {
        // One of the two is damaged, and it may be that one.
        bad++;
        console.log(
          `DIFFERS ${key} of ${usedBy}: ${sizeBytes} bytes in ${from.name}, ${there} in ${to.name}; remove the damaged one and repeat this`,
        );
      } else if (sizeBytes !== undefined) {
        const staged = there === undefined ? await copied(key, sizeBytes) : undefined;
        if (staged === "damaged") {
          bad++;
          console.log(`DAMAGED ${key} of ${usedBy}: it stays where it is`);
        } else if (staged !== "deleted") {
          // Nobody removes it, or begins to use it, between the look and the act.
          const placed = await uses.hold(db, key, async (used) => {
            if (used && staged) await to.blobs.commit(staged.name, key, staged.sizeBytes);
            // A copy on a disk that is away is removed by the next move.
            if (used) await from.blobs.remove(key).catch(unlessAway);
            return used;
          });
          if (!placed && staged) await to.blobs.discard(staged.name);
          if (placed) {
            moved++;
            bytes += sizeBytes;
          }
        }
      }
      done++;
      show("files", done, Math.max(done, total));
    }
  }
  if (bad > 0) process.exitCode = 1;
  console.log(
    `${moved} files, ${inMegabytes(bytes)}, moved to ${to.name}${bad > 0 ? `; ${bad} are not: see above` : "."}`,
  );

  async function copied(key: string, sizeBytes: number) {
    // No store takes an empty file, and none is what its name says.
    if (sizeBytes === 0) return "damaged";
    const source = from.blobs.read(key);
    // Whoever receives says of each that it broke off: why, it says itself.
    let failure: unknown;
    source.once("error", (error) => {
      failure = error;
    });
    try {
      const staged = await to.blobs.receive(source, { maxBytes: sizeBytes });
      if (isNamedBy(key, staged.sha256)) return staged;
      await to.blobs.discard(staged.name);
      return "damaged";
    } catch (error) {
      if (failure === undefined || failure instanceof DomainError) throw error;
      return (failure as NodeJS.ErrnoException).code === "ENOENT" ? "deleted" : "damaged";
    }
  }
}

async function showUsage(databases: Databases, blobs: BlobStore): Promise<void> {
  const byKind = new Map<string, Sum>();
  const byPerson = new Map<string, Sum>();
  let away = 0;
  for await (const page of usedIn(databases)) {
    for (let i = 0; i < page.length; i += askedAtOnce) {
      const some = page.slice(i, i + askedAtOnce);
      const sizes = await Promise.all(some.map(({ key }) => blobs.size(key).catch(unlessAway)));
      for (const [at, { key, personId }] of some.entries()) {
        const size = sizes[at] ?? 0;
        if (size === "away") {
          away++;
          continue;
        }
        add(byKind, key.slice(0, key.indexOf("/")), size);
        add(byPerson, personId, size);
      }
    }
  }
  const largest = (sums: Map<string, Sum>) => [...sums].sort(([, a], [, b]) => b.bytes - a.bytes);
  const print = (rows: [string, Sum][]) => {
    for (const [name, { files, bytes }] of rows)
      console.log(`${name.padEnd(22)}${String(files).padStart(9)} files${inMegabytes(bytes).padStart(14)}`);
  };
  print(largest(byKind));
  console.log(`\nThe ${largestOwners} people with the most; what several have counts for one of them:`);
  print(largest(byPerson).slice(0, largestOwners));
  if (away > 0) console.log(`\n${away} files more are, or were, on a disk that is away.`);
}

/** One disk that is away keeps nobody from the others. */
function unlessAway(error: unknown): "away" {
  if (!isDiskAway(error)) throw error;
  return "away";
}

interface Sum {
  files: number;
  bytes: number;
}

function add(sums: Map<string, Sum>, name: string, bytes: number): void {
  const sum = sums.get(name) ?? { files: 0, bytes: 0 };
  sums.set(name, { files: sum.files + 1, bytes: sum.bytes + bytes });
}

const inMegabytes = (bytes: number) => `${Math.ceil(bytes / 1024 / 1024)} MB`;
