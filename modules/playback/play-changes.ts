import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import type { ChangeOf } from "./add-figures.ts";
import {
  dayMs,
  type Figures,
  figureNames,
  minuteMs,
  type PlaySession,
  type Share,
  startOf,
} from "./rules.ts";
import type { Tables } from "./tables.ts";

/** What has changed of the numbers of one video in one minute. */
export type FiguresChange = ChangeOf<keyof Figures>;

interface SourceChange {
  videoId: string;
  authorId: string;
  startMs: number;
  source: number;
  views: number;
}

/** Adds views by where they came from, for days. */
export async function addSources(
  on: Transaction<Tables>,
  changes: SourceChange[],
  part: number,
): Promise<void> {
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

/** Adds how far videos were watched. */
export async function addRetention(
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

/** Sums up what sessions add to the figures of videos, and what they no longer do. */
export function playChanges() {
  const byMinute = new Map<string, FiguresChange>();
  const bySource = new Map<string, SourceChange>();
  const reached = new Map<string, number[]>();
  return {
    reached: reached as ReadonlyMap<string, number[]>,
    add({ videoId, authorId }: PlaySession, share: Share, sign: 1 | -1): void {
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
