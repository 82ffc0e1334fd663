import { setTimeout as delay } from "node:timers/promises";
import { refusal } from "#contracts/reasons.ts";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { listBackups, type Manifest, readManifest, readProof } from "#platform/backup/manifest.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { openTarget } from "../backup/open-target.ts";
import { findBackup } from "../backup/read-backup.ts";
import { takeBackup } from "../backup/take-backup.ts";
import { verifyBackup } from "../backup/verify-backup.ts";
import { type Config, readConfig } from "../config.ts";
import { openBlobs } from "../open-blobs.ts";
import { progressBar } from "../progress-bar.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

const usage =
  "Say: douya backup --to=DIR (or s3://bucket/prefix), douya backup verify --from=…, or douya backup list --from=….";
const unitMs = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };
const mostKept = 10_000;

export const backupCommand: Command = {
  summary:
    "copies everything to a folder or an S3 while a server runs: --to=DIR|s3://bucket/prefix, --keep=7 removes older ones, --every=1d goes on, --verify proves each; " +
    "backup verify --from=… restores one for a trial; backup list --from=… shows which there are",
  options: {
    to: { type: "string" },
    from: { type: "string" },
    backup: { type: "string" },
    keep: { type: "string" },
    every: { type: "string" },
    verify: { type: "boolean", default: false },
    sample: { type: "string", default: "100" },
  },
  positionals: true,
  async run(values, [what = "take", ...more]) {
    if (more.length > 0) throw refusal("ARGUMENT_INVALID", usage);
    const config = readConfig();
    const sample = wholeNumber("--sample", values.sample, 1_000_000_000)!;
    const from = () => openTarget(config, values.from, "--from");
    const verify = async (target: BackupTarget, id: string | undefined) => {
      const manifest = await findBackup(target, id, config.backupKey);
      const options = { secret: config.backupKey, sample, show: progressBar() };
      const { isProven, found } = await verifyBackup(config, target, manifest, options);
      console.log([`${manifest.id} is ${isProven ? "proven" : "NOT proven"}.`, ...found].join("\n  "));
      if (!isProven) process.exitCode = 1;
    };
    if (what === "verify") await verify(from(), values.backup as string | undefined);
    else if (what === "list") await list(config, from());
    else if (what !== "take") throw refusal("ARGUMENT_INVALID", usage);
    else {
      const target = openTarget(config, values.to, "--to");
      const keep = wholeNumber("--keep", values.keep, mostKept);
      const everyMs = duration(values.every);
      const once = async () => {
        const { id } = await take(config, target, keep);
        if (values.verify) await verify(target, id);
      };
      if (everyMs === undefined) await once();
      else await again(everyMs, once);
    }
  },
};

async function take(config: Config, target: BackupTarget, keep: number | undefined): Promise<Manifest> {
  const { blobs } = await openBlobs(config, []);
  const manifest = await withDatabases((databases) =>
    takeBackup({ config, databases, blobs }, target, {
      ...{ secret: config.backupKey, keep, show: progressBar() },
      say: (line) => console.log(line),
    }),
  );
  console.log(
    `${describe(manifest)} is at ${target.name}. Prove it: douya backup verify --from=${target.name}`,
  );
  if (manifest.blobs.lost > 0) process.exitCode = 1;
  return manifest;
}

/** Until it is ended. What fails is told, and tried again the next time. */
async function again(everyMs: number, once: () => Promise<void>): Promise<never> {
  for (;;) {
    const sinceMs = performance.now();
    await once().catch((error) => console.error(error instanceof DomainError ? error.message : error));
    await delay(Math.max(0, everyMs - (performance.now() - sinceMs)));
  }
}

async function list(config: Config, target: BackupTarget): Promise<void> {
  const ids = await listBackups(target);
  if (ids.length === 0) console.log(`There is no backup at ${target.name}.`);
  for (const id of ids) {
    const line = await readManifest(target, id, config.backupKey).then(describe, (error) => {
      if (!(error instanceof DomainError)) throw error;
      return `${id}: ${error.message}`;
    });
    const proof = await readProof(target, id);
    const proven = proof ? `${proof.isProven ? "proven" : "NOT proven"} ${proof.at}` : "never proven";
    console.log(`${line}; ${proven}`);
  }
}

/** In a line. */
export function describe({ id, databaseAt, version, keyCheck, parts, blobs }: Manifest): string {
  const bytes = Object.values(parts).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const inMegabytes = (some: number) => `${Math.ceil(some / 1024 / 1024)} MB`;
  return (
    `The backup ${id} (as of ${databaseAt}, Douya ${version}, ${keyCheck === "" ? "not encrypted" : "encrypted"}; ` +
    `database ${inMegabytes(bytes)}, ${blobs.count} files of ${inMegabytes(blobs.bytes)})`
  );
}

function wholeNumber(option: string, value: unknown, most: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(String(value)) || number < 1 || number > most)
    throw refusal("ARGUMENT_INVALID", `${option} is a whole number from 1 to ${most}.`);
  return number;
}

function duration(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const [, count, unit] = /^([1-9]\d{0,2})([mhd])$/.exec(String(value)) ?? [];
  const ms = Number(count) * unitMs[unit as keyof typeof unitMs];
  // The longest delay of a timer.
  if (!(ms <= 24 * unitMs.d)) throw refusal("ARGUMENT_INVALID", "--every is like 30m, 6h or 1d, up to 24d.");
  return ms;
}
