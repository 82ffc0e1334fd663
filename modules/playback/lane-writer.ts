import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { Partitions } from "./partitions.ts";
import { hourMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** What a player told of a session. */
export interface RawPlay {
  startedMs: number;
  videoId: string;
  viewer: string;
  session: string;
  part: number;
  authorId: string;
  own: boolean;
  durationMs: number;
  source: number;
  positionMs: number;
  watchedMs: number;
  loops: number;
  ended: boolean;
}

/** Where a person is in what they watch. */
export interface RawPosition {
  userId: string;
  videoId: string;
  part: number;
  atMs: number;
  positionMs: number;
  picture: number;
  ended: boolean;
}

export type AppendToLane = (plays: readonly RawPlay[], positions: readonly RawPosition[]) => Promise<void>;

/** What is appended to no more for so long is forgotten an hour later or more. */
const idleMs = hourMs;

/**
 * Appends in batches, each after the commit of the one before, to a lane that is this process's alone: so numbers appear
 * in their order, and who has read up to one has skipped none. After an error, of which nobody knows whether it came
 * before or after the commit, the process takes another lane. Only one call at a time.
 */
export function laneWriter(db: Kysely<Tables>, ids: Ids, partitions: Partitions): AppendToLane {
  let lane = "";
  let seq = 0;
  let lastMs = 0;
  return async (plays, positions) => {
    const nowMs = Date.now();
    if (lane === "" || nowMs - lastMs > idleMs) {
      lane = ids.next();
      seq = 0;
    }
    lastMs = nowMs;
    const first = seq;
    seq += plays.length + positions.length;
    try {
      await partitions.ensure(
        "raw",
        plays.map(({ startedMs }) => startedMs),
      );
      if (positions.length > 0) await partitions.ensure("position", [nowMs]);
      await sql`
        with appended as (
          insert into playback.lane (lane, seq, at_ms) values (${lane}, ${seq}, ${nowMs})
          on conflict (lane) do update set seq = excluded.seq, at_ms = excluded.at_ms
        ), positions as (
          insert into playback.position (lane, received_ms, seq, user_id, video_id, part, at_ms, position_ms, picture, ended)
          select ${lane}, ${nowMs}, t.* from unnest(
            ${positions.map((_, i) => first + plays.length + i + 1)}::int8[],
            ${positions.map(({ userId }) => userId)}::int8[], ${positions.map(({ videoId }) => videoId)}::int8[],
            ${positions.map(({ part }) => part)}::int2[], ${positions.map(({ atMs }) => atMs)}::int8[],
            ${positions.map(({ positionMs }) => positionMs)}::int4[], ${positions.map(({ picture }) => picture)}::int2[],
            ${positions.map(({ ended }) => ended)}::boolean[]) t
        )
        insert into playback.raw (lane, received_ms, seq, started_ms, video_id, viewer, session, part, author_id, own,
          duration_ms, source, position_ms, watched_ms, loops, ended)
        select ${lane}, ${nowMs}, t.* from unnest(
          ${plays.map((_, i) => first + i + 1)}::int8[],
          ${plays.map(({ startedMs }) => startedMs)}::int8[], ${plays.map(({ videoId }) => videoId)}::int8[],
          ${plays.map(({ viewer }) => viewer)}::int8[], ${plays.map(({ session }) => session)}::int8[],
          ${plays.map(({ part }) => part)}::int2[], ${plays.map(({ authorId }) => authorId)}::int8[],
          ${plays.map(({ own }) => own)}::boolean[], ${plays.map(({ durationMs }) => durationMs)}::int4[],
          ${plays.map(({ source }) => source)}::int2[], ${plays.map(({ positionMs }) => positionMs)}::int4[],
          ${plays.map(({ watchedMs }) => watchedMs)}::int4[], ${plays.map(({ loops }) => loops)}::int4[],
          ${plays.map(({ ended }) => ended)}::boolean[]) t`.execute(db);
    } catch (error) {
      lane = "";
      partitions.forget();
      const { code, reason } = error as { code?: string; reason?: string };
      if (code !== "23514" && reason !== "BUSY") throw error;
      // The hour of a session was closed meanwhile, or was dropped: others of the batch come again without it.
      await partitions.findClosed();
      throw refusal("BUSY");
    }
  };
}
