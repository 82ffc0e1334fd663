import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { compare, type Recounted } from "#platform/db/recount.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { lateMs, openHours } from "./hour-closing.ts";
import { figuresOfHours } from "./recount.ts";
import { dayMs, hourMs, sessionMs, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

const statementTimeoutMs = 600_000;

export type ProvenHour = { startMs: number } & Pick<Recounted, "drifts" | "first">;

/**
 * Counts a closed hour that nobody has proven yet once more and notes in how many figures of videos the outcome differs.
 * Undefined when there is none, or others are at it.
 */
export async function proveNextHour(db: Kysely<Tables>, nowMs: number): Promise<ProvenHour | undefined> {
  return inTransaction(db, async (transaction) => {
    const { rows } = await sql<{ start_ms: string }>`
      select start_ms from playback.closed_hour where recounted_ms is null
      order by 1 limit 1 for update skip locked`.execute(transaction);
    if (rows.length === 0) return undefined;
    const startMs = Number(rows[0]!.start_ms);
    await setStatementTimeout(transaction, statementTimeoutMs);
    // Which session is a view depends on those before it on the day.
    const raw = sql`
      select * from playback.raw
      where started_ms >= ${sql.lit(startOf(startMs, dayMs))} and started_ms < ${sql.lit(startMs + hourMs)}`;
    const found = await compare(transaction, hourCount(raw, startMs));
    await sql`
      update playback.closed_hour set recounted_ms = ${nowMs}, differences = ${found.drifts}
      where start_ms = ${startMs}`.execute(transaction);
    return { startMs, ...found };
  });
}

export function hourCount(raw: Parameters<typeof figuresOfHours>[0], startMs: number) {
  return figuresOfHours(raw, { from: sql.lit(startMs), to: sql.lit(startMs + hourMs) });
}

export interface ProofState {
  /** In how many figures hours differ from what was told. */
  differences: number;
  /** The hours in which some do. */
  differing: number[];
  /** For how long the oldest hour could have been proven, and is not. */
  lateMs: number;
  /** The last one that is proven. */
  lastMs: number | undefined;
}

export async function readProof(db: Kysely<Tables>, nowMs: number): Promise<ProofState> {
  const { rows } = await sql<{
    differences: string;
    differing: string[];
    unproven: string | null;
    last: string | null;
  }>`
    select coalesce(sum(differences), 0) as differences,
      array(select start_ms from playback.closed_hour where differences > 0 order by 1 limit 20) as differing,
      min(start_ms) filter (where recounted_ms is null) as unproven,
      max(start_ms) filter (where recounted_ms is not null) as last
    from playback.closed_hour`.execute(db);
  const { differences, differing, unproven, last } = rows[0]!;
  const oldest = unproven === null ? (await openHours(db))[0]?.startMs : Number(unproven);
  return {
    differences: Number(differences),
    differing: differing.map(Number),
    lateMs: oldest === undefined ? 0 : Math.max(0, nowMs - (oldest + hourMs + sessionMs + lateMs)),
    lastMs: last === null ? undefined : Number(last),
  };
}
