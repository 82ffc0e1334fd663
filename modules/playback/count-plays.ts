import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import { addFigures, type ChangeOf, partitionedSpans } from "./add-figures.ts";
import { viewsPerViewerOn } from "./day-rules.ts";
import { videosLeft } from "./gone.ts";
import type { LaneReading, LaneRow } from "./lane-reader.ts";
import type { Partitions } from "./partitions.ts";
import {
  dayMs,
  type Figures,
  figureNames,
  hourMs,
  mergeSession,
  minuteMs,
  type PlaySession,
  sharesOf,
  startOf,
} from "./rules.ts";
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

/** What has changed of the numbers of one video in one minute. */
export type FiguresChange = ChangeOf<keyof Figures>;

/**
 * Counts what players told into minutes, hours, days and totals. What a watcher's sessions with a video add on a day is
 * computed from all of them as they were and as they are, and the difference is added: so neither the order nor
 * repetition of what was told matters, and a recount in whatever way must agree.
 */
export function countPlays({
  partitions,
  maxViews,
  also,
}: {
  partitions: Partitions;
  /** Of one watcher, video and day; a day that has begun keeps what it began with. */
  maxViews: number;
  /** What else is made of the changes. */
  also(on: Transaction<Tables>, changes: FiguresChange[]): Promise<void>;
}): LaneReading<RawRow> {
  return {
    reader: "plays",
    table: "raw",
    // Hours that are closed have been read to their end.
    since: async (on) => {
      const { rows } = await sql<{ ms: string | null }>`
        select max(start_ms) + ${hourMs} as ms from playback.closed_hour`.execute(on);
      return Number(rows[0]?.ms ?? 0);
    },
    async act(on, all, part) {
      const left = await videosLeft(
        on,
        all.map((row) => row.video_id),
      );
      const rows = all.filter((row) => left.has(row.video_id));
      if (rows.length === 0) return;
      const told = new Map<string, PlaySession>();
      for (const row of rows) {
        const session = toSession({ ...row, furthest_ms: row.position_ms });
        const key = keyOf(session);
        const before = told.get(key);
        told.set(key, before ? mergeSession(before, session) : session);
      }
      const groups = new Map<string, { before: PlaySession[]; after: Map<string, PlaySession> }>();
      for (const session of told.values()) groups.set(groupOf(session), { before: [], after: new Map() });
      for (const session of await stored(on, told.values())) {
        const group = groups.get(groupOf(session))!;
        group.before.push(session);
        group.after.set(keyOf(session), session);
      }
      for (const [key, session] of told) {
        const { after } = groups.get(groupOf(session))!;
        const before = after.get(key);
        told.set(key, before ? mergeSession(before, session) : session);
        after.set(key, told.get(key)!);
      }

      const dayOf = ({ startedMs }: PlaySession) => startOf(startedMs, dayMs);
      const mostOn = await viewsPerViewerOn(on, [...told.values()].map(dayOf), maxViews);
      const changes = createChanges();
      for (const { before, after } of groups.values()) {
        const [one] = after.values();
        const most = mostOn.get(dayOf(one!))!;
        for (const share of sharesOf(before, most)) changes.add(one!, share, -1);
        for (const share of sharesOf([...after.values()], most)) changes.add(one!, share, 1);
      }
      const minutes = changes.minutes();
      await partitions.ensure(
        "session",
        [...told.values()].map(({ startedMs }) => startedMs),
      );
      for (const table of partitionedSpans)
        await partitions.ensure(
          table,
          minutes.map(({ startMs }) => startMs),
        );
      await storeSessions(on, [...told.values()]);
      await addFigures(on, part, figureNames, minutes);
      await addSources(on, changes.sources(), part);
      await addRetention(on, changes.reached, part);
      await also(on, minutes);
    },
  };
}

const keyOf = ({ videoId, viewer, startedMs, session }: PlaySession) =>
  `${videoId} ${viewer} ${startedMs} ${session}`;
const groupOf = ({ videoId, viewer, startedMs }: PlaySession) =>
  `${videoId} ${viewer} ${startOf(startedMs, dayMs)}`;

function toSession(row: SessionRow): PlaySession {
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
async function stored(on: Transaction<Tables>, of: Iterable<PlaySession>): Promise<PlaySession[]> {
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

async function storeSessions(on: Transaction<Tables>, all: PlaySession[]): Promise<void> {
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

interface SourceChange {
  videoId: string;
  authorId: string;
  startMs: number;
  source: number;
  views: number;
}

async function addSources(on: Transaction<Tables>, changes: SourceChange[], part: number): Promise<void> {
  if (changes.length === 0) return;
  await sql`
    insert into playback.source_day as t (part, video_id, start_ms, source, author_id, views)
    select ${part}::int2, * from unnest(${changes.map(({ videoId }) => videoId)}::int8[],
      ${changes.map(({ startMs }) => startMs)}::int8[], ${changes.map(({ source }) => source)}::int2[],
      ${changes.map(({ authorId }) => authorId)}::int8[], ${changes.map(({ views }) => views)}::int8[])
    on conflict (video_id, start_ms, source, part) do update set views = t.views + excluded.views`.execute(
    on,
  );
}

async function addRetention(
  on: Transaction<Tables>,
  changes: ReadonlyMap<string, number[]>,
  part: number,
): Promise<void> {
  const changed = [...changes].filter(([, reached]) => reached.some((n) => n !== 0));
  if (changed.length === 0) return;
  await sql`
    insert into playback.retention as t (part, video_id, reached)
    select ${part}::int2, video_id, reached::int8[] from unnest(${changed.map(([videoId]) => videoId)}::int8[],
      ${changed.map(([, reached]) => `{${reached.join()}}`)}::text[]) c(video_id, reached)
    on conflict (video_id, part) do update set reached = (
      select array_agg(a + b order by i) from unnest(t.reached, excluded.reached) with ordinality as n(a, b, i)
    )`.execute(on);
}

function createChanges() {
  const byMinute = new Map<string, FiguresChange>();
  const bySource = new Map<string, SourceChange>();
  const reached = new Map<string, number[]>();
  return {
    reached: reached as ReadonlyMap<string, number[]>,
    add({ videoId, authorId }: PlaySession, share: ReturnType<typeof sharesOf>[number], sign: 1 | -1): void {
      const startMs = startOf(share.startedMs, minuteMs);
      const key = `${videoId} ${startMs}`;
      const change = byMinute.get(key) ?? { videoId, authorId, startMs, ...nothing };
      byMinute.set(key, change);
      for (const name of figureNames) change[name] += sign * share[name];
      if (share.views !== 0) {
        const dayStartMs = startOf(share.startedMs, dayMs);
        const sourceKey = `${videoId} ${dayStartMs} ${share.source}`;
        const of = bySource.get(sourceKey) ?? {
          ...{ videoId, authorId, startMs: dayStartMs },
          source: share.source,
          views: 0,
        };
        bySource.set(sourceKey, of);
        of.views += sign * share.views;
      }
      if (share.reached !== undefined) {
        const counts = reached.get(videoId) ?? new Array<number>(101).fill(0);
        reached.set(videoId, counts);
        counts[share.reached]! += sign;
      }
    },
    minutes: () => [...byMinute.values()].filter((change) => figureNames.some((name) => change[name] !== 0)),
    sources: () => [...bySource.values()].filter(({ views }) => views !== 0),
  };
}

const nothing: Figures = {
  views: 0,
  viewers: 0,
  plays: 0,
  ownPlays: 0,
  watchMs: 0,
  completions: 0,
  skips: 0,
  loops: 0,
};
