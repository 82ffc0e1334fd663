import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Kysely } from "#platform/db/database.ts";
import { compare, type Recounted } from "#platform/db/recount.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { ModuleCommand } from "#platform/module/module.ts";
import { loadArchive } from "./archive.ts";
import { hourCount, readProof } from "./hour-proof.ts";
import { dayMs, hourMs, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

const usage = "Say: douya plays verify-archive 2026-11-30T14 (an hour in UTC), or douya plays state.";
const statementTimeoutMs = 3_600_000;

export const playsCommand: ModuleCommand<Tables> = {
  summary:
    "plays state: which hours of plays are closed and proven; plays verify-archive HOUR: counts an hour once more from its archive",
  async run(db, [what, hour, ...more], _progress, blobs) {
    if (what === "state" && hour === undefined) return [await describeProof(db)];
    const startMs = Date.parse(`${hour}:00:00Z`);
    if (what !== "verify-archive" || !(startMs % hourMs === 0) || more.length > 0)
      throw refusal("ARGUMENT_INVALID", usage);
    const outcome = await verifyArchive(db, await blobs(), startMs);
    if (outcome === undefined) throw refusal("ARGUMENT_INVALID", `Nothing of ${hour} is archived.`);
    if (typeof outcome === "string") throw new Error(outcome);
    if (outcome.drifts === 0) return [`${hour}: the figures are what its archive says.`];
    process.exitCode = 1;
    return [
      `${hour}: ${outcome.drifts} figures differ.`,
      ...outcome.first.map(({ key, kept, facts }) => `  ${key}: kept ${kept}, the archive says ${facts}`),
    ];
  },
};

/** For operators. Error: when something is to be mended. */
export async function describeProof(db: Kysely<Tables>): Promise<string> {
  const { differences, differing, lateMs, lastMs } = await readProof(db, Date.now());
  const named = (ms: number) => new Date(ms).toISOString().slice(0, 13);
  if (differences > 0)
    throw new Error(
      `${differences} figures differ from what players told, in ${differing.map(named).join(", ")}: a bug of ours, or somebody has changed the tables; douya rebuild views makes them anew`,
    );
  if (lateMs > hourMs)
    throw new Error(
      `an hour could have been proven ${Math.round(lateMs / hourMs)} h ago; the log says why it is not`,
    );
  return lastMs === undefined ? "no hour is to be proven yet" : `proven up to the hour ${named(lastMs)}`;
}

/**
 * Counts an hour once more from the archives of its day. Undefined when it has none; a text when an archive is not what it
 * was.
 */
export async function verifyArchive(
  db: Kysely<Tables>,
  blobs: BlobStore,
  startMs: number,
): Promise<Pick<Recounted, "drifts" | "first"> | string | undefined> {
  return inTransaction(db, async (transaction) => {
    await setStatementTimeout(transaction, statementTimeoutMs);
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
    const { rows: hours } = await sql<{ start_ms: string }>`
      select start_ms from playback.closed_hour
      where start_ms >= ${startOf(startMs, dayMs)} and start_ms <= ${startMs} and archived_ms is not null
      order by 1`.execute(transaction);
    if (Number(hours.at(-1)?.start_ms) !== startMs) return undefined;
    await sql`create temp table archived_plays (like playback.raw) on commit drop`.execute(transaction);
    for (const hour of hours) {
      const damage = await loadArchive(transaction, blobs, Number(hour.start_ms), "archived_plays");
      if (damage) return damage;
    }
    return compare(transaction, hourCount(sql`select * from archived_plays`, startMs));
  });
}
