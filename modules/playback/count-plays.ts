import type { Transaction } from "#platform/db/database.ts";
import { addFigures, partitionedSpans } from "./add-figures.ts";
import { viewsPerViewerOn } from "./day-rules.ts";
import { videosLeft } from "./gone.ts";
import type { LaneReading } from "./lane-reader.ts";
import { closedUntil, type Partitions } from "./partitions.ts";
import { addRetention, addSources, type FiguresChange, playChanges } from "./play-changes.ts";
import { dayMs, figureNames, mergeSession, type PlaySession, sharesOf, startOf } from "./rules.ts";
import { groupOf, keyOf, type RawRow, sessionsLike, storeSessions, toSession } from "./session-rows.ts";
import type { Tables } from "./tables.ts";

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
    since: closedUntil,
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
      for (const session of await sessionsLike(on, told.values())) {
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
      const changes = playChanges();
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
