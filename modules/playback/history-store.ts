import { sql } from "kysely";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { fnv1a } from "#platform/hash/fnv1a.ts";
import { videosLeft } from "./gone.ts";
import type { LaneReading, LaneRow } from "./lane-reader.ts";
import { parts, sessionMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** So many of the videos that a person watched last are kept. */
const maxHistory = 1_000;

/** A row of `playback.position`. */
export interface PositionRow extends LaneRow {
  user_id: string;
  video_id: string;
  at_ms: string;
  position_ms: number;
  picture: number;
  ended: boolean;
}

export interface HistoryRow {
  videoId: string;
  atMs: number;
  positionMs: number;
  picture: number;
  ended: boolean;
}

/** In which part a person's positions are read. */
export const partOf = (userId: string): number => fnv1a(userId) % parts;

/** Keeps, for each person and video, where they were last; nothing of those who paused it. */
export const keepHistory: LaneReading<PositionRow> = {
  reader: "history",
  table: "position",
  // What has been read is dropped within hours.
  since: async () => 0,
  async act(on, rows) {
    const left = await videosLeft(
      on,
      rows.map((row) => row.video_id),
    );
    const latest = new Map<string, PositionRow>();
    for (const row of rows) {
      if (!left.has(row.video_id)) continue;
      const key = `${row.user_id} ${row.video_id}`;
      const before = latest.get(key);
      if (!before || Number(row.at_ms) >= Number(before.at_ms)) latest.set(key, row);
    }
    const kept = [...latest.values()];
    const { rows: people } = await sql<{ user_id: string }>`
      with told as (
        select * from unnest(
          ${kept.map((row) => row.user_id)}::int8[], ${kept.map((row) => row.video_id)}::int8[],
          ${kept.map((row) => row.at_ms)}::int8[], ${kept.map((row) => row.position_ms)}::int4[],
          ${kept.map((row) => row.picture)}::int2[], ${kept.map((row) => row.ended)}::boolean[]
        ) t(user_id, video_id, at_ms, position_ms, picture, ended)
      ), stored as (
        insert into playback.history as h (user_id, video_id, at_ms, position_ms, picture, ended)
        select t.* from told t left join playback.person p on p.user_id = t.user_id
        where p.user_id is null or (not p.paused and not p.gone and t.at_ms > p.cleared_ms)
        order by t.user_id, t.video_id
        on conflict (user_id, video_id) do update set at_ms = excluded.at_ms, position_ms = excluded.position_ms,
          picture = excluded.picture, ended = excluded.ended, removed = false
        where excluded.at_ms > h.at_ms or (excluded.at_ms = h.at_ms and not h.removed)
        returning user_id, video_id
      )
      -- Of whom there is one more now, since this sees what was there before.
      select distinct user_id from stored s where not exists (
        select from playback.history h where h.user_id = s.user_id and h.video_id = s.video_id and not h.removed
      )`.execute(on);
    if (people.length > 0)
      await trim(
        on,
        people.map((row) => row.user_id),
      );
  },
};

async function trim(on: Transaction<Tables>, userIds: string[]): Promise<void> {
  await sql`
    delete from playback.history h using (
      select p.user_id, video_id from unnest(${userIds}::int8[]) p(user_id)
      cross join lateral (
        select video_id from playback.history where user_id = p.user_id and not removed
        order by at_ms desc, video_id desc offset ${maxHistory}
      ) o
    ) old where h.user_id = old.user_id and h.video_id = old.video_id`.execute(on);
}

/** The SQL of what each person watched. */
export function historyStore(db: Kysely<Tables>) {
  return {
    /** The latest first; `before`: the time and the video of the last row of the page before. */
    async list(
      userId: string,
      before: { atMs: number; videoId: string } | undefined,
      limit: number,
    ): Promise<HistoryRow[]> {
      const after = before ? sql`and (at_ms, video_id) < (${before.atMs}, ${before.videoId})` : sql``;
      const { rows } = await sql<Omit<PositionRow, "user_id">>`
        select video_id, at_ms, position_ms, picture, ended from playback.history
        where user_id = ${userId} and not removed ${after} order by at_ms desc, video_id desc limit ${limit}`.execute(
        db,
      );
      return rows.map(toHistoryRow);
    },
    /** Where they stopped, by `userId videoId`; not where they came to the end. */
    async resumes(pairs: { userId: string; videoId: string }[]): Promise<Map<string, HistoryRow>> {
      const { rows } = await sql<PositionRow>`
        select h.user_id, h.video_id, h.at_ms, h.position_ms, h.picture, h.ended
        from unnest(${pairs.map(({ userId }) => userId)}::int8[], ${pairs.map(({ videoId }) => videoId)}::int8[]) p(user_id, video_id)
        join playback.history h on h.user_id = p.user_id and h.video_id = p.video_id
        where not h.removed and not h.ended`.execute(db);
      return new Map(rows.map((row) => [`${row.user_id} ${row.video_id}`, toHistoryRow(row)]));
    },
    async remove(userId: string, videoId: string, nowMs: number): Promise<void> {
      // What is under way, and older, does not bring it back.
      await sql`
        with person as (
          insert into playback.person as p (user_id) values (${userId})
          on conflict (user_id) do update set gone = p.gone returning gone
        ), forgotten as (
          -- What was told before these is long in the history.
          delete from playback.history where user_id = ${userId} and video_id <> ${videoId} and removed
            and at_ms < ${nowMs - sessionMs}
        )
        insert into playback.history as h (user_id, video_id, at_ms, position_ms, picture, ended, removed)
        select ${userId}, ${videoId}, ${nowMs}, 0, 0, false, true from person where not gone
        on conflict (user_id, video_id) do update set at_ms = greatest(h.at_ms, excluded.at_ms), position_ms = 0,
          picture = 0, ended = false, removed = true`.execute(db);
    },
    async clear(userId: string, nowMs: number): Promise<void> {
      await inTransaction(db, async (transaction) => {
        // What is being kept is waited for, so that it is removed too. A statement of its own, which those after it see.
        await sql`
          select from playback.part where reader = ${keepHistory.reader} and part = ${partOf(userId)} for update`.execute(
          transaction,
        );
        await sql`
          with cleared as (
            insert into playback.person as p (user_id, cleared_ms) values (${userId}, ${nowMs})
            on conflict (user_id) do update set cleared_ms = greatest(p.cleared_ms, excluded.cleared_ms)
            where not p.gone
          )
          delete from playback.history where user_id = ${userId} and at_ms <= ${nowMs}`.execute(transaction);
      });
    },
    async pause(userId: string, paused: boolean): Promise<void> {
      await sql`
        insert into playback.person as p (user_id, paused) values (${userId}, ${paused})
        on conflict (user_id) do update set paused = excluded.paused where not p.gone`.execute(db);
    },
    async isPaused(userId: string): Promise<boolean> {
      const { rows } = await sql<{ paused: boolean }>`
        select paused from playback.person where user_id = ${userId}`.execute(db);
      return rows[0]?.paused ?? false;
    },
    /** Whether it is the first time that this day is named for this person; of two at once, for one. */
    async isFirstOn(userId: string, day: string): Promise<boolean> {
      const { rows } = await sql`
        insert into playback.person as p (user_id, watched_on) values (${userId}, ${day}::date)
        on conflict (user_id) do update set watched_on = excluded.watched_on
        where not p.gone and (p.watched_on is null or p.watched_on < excluded.watched_on)
        returning 1`.execute(db);
      return rows.length > 0;
    },
  };
}

export type HistoryStore = ReturnType<typeof historyStore>;

function toHistoryRow(row: Omit<PositionRow, "user_id" | keyof LaneRow>): HistoryRow {
  return {
    videoId: row.video_id,
    atMs: Number(row.at_ms),
    positionMs: row.position_ms,
    picture: row.picture,
    ended: row.ended,
  };
}
