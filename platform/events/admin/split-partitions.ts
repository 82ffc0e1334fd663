import { setTimeout as delay } from "node:timers/promises";
import type { Pool, PoolClient } from "pg";
import { refusal } from "../../errors/reasons.ts";
import { registerSplit } from "../consumer/offsets.ts";
import { readOrigin } from "../log/table-source.ts";
import { partitionsAfter, readPartitioning } from "../partitions.ts";

/** More would cost those who look for changes in each of them more than they gain. */
const mostPartitions = 256;
/** Writers wait behind the change while it waits for those before it. */
const lockTimeoutMs = 500;
const attempts = 20;
const pauseMs = 100;
const lockNotAvailable = "55P03";

/**
 * Splits the partitions of a log, so that more members can share the work of a group. Whoever reads and writes goes on.
 * Groups of `elsewhere`, the other databases, are told too. Returns whether there was something to do.
 * Errors: PARTITIONS_INVALID, PARTITIONS_UNKNOWN_TO_PROCESSES.
 */
export async function splitPartitions(
  pool: Pool,
  wanted: number,
  { elsewhere = [] }: { elsewhere?: readonly Pool[] } = {},
): Promise<boolean> {
  const client = await pool.connect();
  let split: boolean;
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        split = await splitOnce(client, wanted, elsewhere);
        break;
      } catch (error) {
        await client.query("rollback");
        if ((error as { code?: unknown }).code !== lockNotAvailable || attempt === attempts) throw error;
        await delay(pauseMs);
      }
    }
    client.release();
  } catch (error) {
    client.release(error as Error);
    throw error;
  }
  const origin = await readOrigin(pool);
  const partitions = partitionsAfter(await readPartitioning(pool));
  // Members that run find out by themselves; the lag of a group that has none is right from now on.
  for (const each of [pool, ...elsewhere]) await registerSplit(each, origin, partitions);
  return split;
}

async function splitOnce(client: PoolClient, wanted: number, elsewhere: readonly Pool[]): Promise<boolean> {
  // Before the lock, for which all who write wait: another database may be slow.
  for (const each of elsewhere) await refuseOldProcesses(each);
  await client.query(`begin; set local lock_timeout = ${lockTimeoutMs}`);
  await client.query("select pg_advisory_xact_lock(hashtextextended('events.partitioning', 0))");
  const { partitions: current } = (await readPartitioning(client)).at(-1)!;
  if (!Number.isInteger(wanted / current) || wanted < 1 || wanted > mostPartitions)
    throw refusal("PARTITIONS_INVALID", { current, most: mostPartitions });
  // None can start later: a schema that a newer version has changed keeps it from it.
  await refuseOldProcesses(client);
  if (wanted !== current)
    // Twice at one position: there is no event between.
    await client.query(
      `insert into events.partitioning (since, partitions)
       select case when is_called then last_value else last_value - 1 end, $1 from events.log_position_seq
       on conflict (since) do update set partitions = excluded.partitions`,
      [wanted],
    );
  await client.query("commit");
  return wanted !== current;
}

/** They would read and relay 16 partitions, and take others without waiting for their parents. */
async function refuseOldProcesses(on: Pool | PoolClient): Promise<void> {
  const { rows } = await on.query<{ count: number }>(
    "select count(*)::int from lease.process where expires_at > now() and not knows_splits",
  );
  const { count } = rows[0]!;
  if (count > 0) throw refusal("PARTITIONS_UNKNOWN_TO_PROCESSES", { count });
}
