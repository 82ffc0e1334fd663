import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import type { LaneRow } from "./lane-reader.ts";
import { dayMs, type PlaySession, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** A row of `playback.raw`. */
export interface RawRow extends LaneRow {
  started_ms: string;
  video_id: string;
  viewer: string;
  session: string;
  author_id: string;
  own: boolean;
  duration_ms: number;
  source: number;
  position_ms: number;
  watched_ms: number;
  loops: number;
  ended: boolean;
}

type SessionRow = Omit<RawRow, "position_ms" | keyof LaneRow> & { furthest_ms: number };

export const keyOf = ({ videoId, viewer, startedMs, session }: PlaySession) =>
  `${videoId} ${viewer} ${startedMs} ${session}`;
/** Of one watcher, video and day: what is counted of them is counted together. */
export const groupOf = ({ videoId, viewer, startedMs }: PlaySession) =>
  `${videoId} ${viewer} ${startOf(startedMs, dayMs)}`;

export function toSession(row: SessionRow): PlaySession {
  return {
    videoId: row.video_id,
    viewer: row.viewer,
    startedMs: Number(row.started_ms),
    session: row.session,
    authorId: row.author_id,
    own: row.own,
    durationMs: row.duration_ms,
    source: row.source,
    watchedMs: row.watched_ms,
    furthestMs: row.furthest_ms,
    loops: row.loops,
    ended: row.ended,
  };
}

/** All sessions of the same watchers with the same videos on the same days. */
export async function sessionsLike(
  on: Transaction<Tables>,
  of: Iterable<PlaySession>,
): Promise<PlaySession[]> {
  const groups = new Map([...of].map((session) => [groupOf(session), session]));
  const all = [...groups.values()];
  const days = all.map(({ startedMs }) => startOf(startedMs, dayMs));
  const { rows } = await sql<SessionRow>`
    select s.* from unnest(${all.map(({ videoId }) => videoId)}::int8[], ${all.map(({ viewer }) => viewer)}::int8[],
      ${days}::int8[]) g(video_id, viewer, day)
    join playback.session s on s.video_id = g.video_id and s.viewer = g.viewer
      and s.started_ms >= g.day and s.started_ms < g.day + ${dayMs}
    where s.started_ms >= ${sql.lit(Math.min(...days))} and s.started_ms < ${sql.lit(Math.max(...days) + dayMs)}`.execute(
    on,
  );
  return rows.map(toSession);
}

export async function storeSessions(on: Transaction<Tables>, all: PlaySession[]): Promise<void> {
  await sql`
    insert into playback.session (video_id, viewer, started_ms, session, author_id, own, duration_ms, source, watched_ms,
      furthest_ms, loops, ended)
    select * from unnest(
      ${all.map(({ videoId }) => videoId)}::int8[], ${all.map(({ viewer }) => viewer)}::int8[],
      ${all.map(({ startedMs }) => startedMs)}::int8[], ${all.map(({ session }) => session)}::int8[],
      ${all.map(({ authorId }) => authorId)}::int8[], ${all.map(({ own }) => own)}::boolean[],
      ${all.map(({ durationMs }) => durationMs)}::int4[], ${all.map(({ source }) => source)}::int2[],
      ${all.map(({ watchedMs }) => watchedMs)}::int4[], ${all.map(({ furthestMs }) => furthestMs)}::int4[],
      ${all.map(({ loops }) => loops)}::int4[], ${all.map(({ ended }) => ended)}::boolean[])
    on conflict (video_id, viewer, started_ms, session) do update set source = excluded.source,
      watched_ms = excluded.watched_ms, furthest_ms = excluded.furthest_ms, loops = excluded.loops,
      ended = excluded.ended`.execute(on);
}
