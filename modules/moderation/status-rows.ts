import { type RawBuilder, type Selectable, sql } from "kysely";
import { foreverMs, type SubjectKind } from "#contracts/moderation-names.ts";
import type { Transaction } from "#platform/db/database.ts";
import { endsMs, type Standing, untouched } from "./rules.ts";
import type { Tables } from "./tables.ts";

export type StatusRow = Selectable<Tables["status"]>;

/** A subject with what its module says of it. */
export interface Found {
  kind: SubjectKind;
  id: string;
  ownerId: string;
  /** Of a comment, and of a video itself. */
  videoId: string | null;
  /** A video that was put on hold before there were acts. */
  kept?: boolean;
}

export function standingOf(row: StatusRow): Standing {
  return {
    reach: row.reach,
    reachUntilMs: Number(row.reach_until_ms),
    kept: row.kept,
    lockedUntilMs: Number(row.locked_until_ms),
    mutedUntilMs: Number(row.muted_until_ms),
    suspendedUntilMs: Number(row.suspended_until_ms),
    profileReset: row.profile_reset,
  };
}

export const columnsOf = (standing: Standing) => ({
  reach: standing.reach,
  reach_until_ms: standing.reachUntilMs,
  kept: standing.kept,
  locked_until_ms: standing.lockedUntilMs,
  muted_until_ms: standing.mutedUntilMs,
  suspended_until_ms: standing.suspendedUntilMs,
  profile_reset: standing.profileReset,
  ends_ms: endsMs(standing),
});

/** The rows of these subjects, which are there then and locked until the transaction ends. */
export async function lockStatus(on: Transaction<Tables>, subjects: readonly Found[]): Promise<StatusRow[]> {
  // In one order everywhere, so that two who act on several do not wait for each other.
  const ordered = [...subjects].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  await on
    .insertInto("status")
    .values(
      ordered.map(({ kind, id, ownerId, videoId, kept = false }) => ({
        ...{ subject_id: id, kind, owner_id: ownerId, video_id: videoId },
        ...columnsOf({ ...untouched, kept }),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return on
    .selectFrom("status")
    .selectAll()
    .where(
      "subject_id",
      "in",
      ordered.map(({ id }) => id),
    )
    .orderBy("subject_id")
    .forUpdate()
    .execute();
}

/** Counts what waits anew, where reports may have gone: their weight, and since when. */
export async function recountWaiting(on: Transaction<Tables>, subjectIds: readonly string[]): Promise<void> {
  await sql`
    update moderation.status s set weight = w.weight, waiting_since = w.since
    from (
      select u.subject_id, coalesce(sum(r.weight), 0) as weight, least(min(r.id), (
          select min(a.id) from moderation.appeal a where a.subject_id = u.subject_id and not a.answered
        )) as since
      from unnest(${subjectIds}::int8[]) as u(subject_id)
      left join moderation.report r on r.subject_id = u.subject_id and not r.judged
      group by u.subject_id
    ) w where s.subject_id = w.subject_id`.execute(on);
}

/** Whether somebody looks at a subject of the queue. */
export const isClaimed = (row: StatusRow, nowMs: number): boolean =>
  row.claimed_by !== null && (row.claimed_until?.getTime() ?? 0) > nowMs;

/** The rows whose time may be over. */
export const isOver = (nowMs: number): RawBuilder<boolean> =>
  sql<boolean>`ends_ms <= ${Math.min(nowMs, foreverMs)}`;
