import { type RawBuilder, sql } from "kysely";
import { downloaded, shared } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { lockPeople } from "./person-rows.ts";
import type { Tables } from "./tables.ts";
import { applyToVideos, keyOf, type VideoCommand } from "./video-commands.ts";
import { lockVideoIds } from "./video-rows.ts";

/** Counts something that a person, or a guest, does with a video: once a day. */
export interface DailyCommand extends VideoCommand {
  atMs: number;
  /** The code of a new share; of a download, which guest it is, or nothing. */
  label: string;
  traceId?: string;
}

interface Change {
  videoId: string;
  userId: string;
  /** Of the video. */
  authorId: string;
  change: number;
  atMs: number;
  timesMs: number[];
}

/** What is counted once a day: where it is, where it is counted, and what tells of it. */
export interface Daily {
  table: "share" | "download";
  count: "shares" | "downloads";
  label: "code" | "guest";
  /** What there is one of. */
  unique: RawBuilder<unknown>;
  /** The Unix milliseconds at which it was done. */
  at: RawBuilder<unknown>;
  tell(emit: Emit, change: Change, traceId: string | undefined): void;
}

export const shares: Daily = {
  table: "share",
  count: "shares",
  label: "code",
  unique: sql`video_id, user_id, day`,
  // Of older ones only the day is known.
  at: sql`coalesce(at_ms, (day - date '1970-01-01') * 86400000::int8)`,
  tell: (emit, change, traceId) => emit(shared, change, traceId),
};

export const downloads: Daily = {
  table: "download",
  count: "downloads",
  label: "guest",
  unique: sql`video_id, user_id, guest, day`,
  at: sql`at_ms`,
  tell: (emit, change, traceId) => emit(downloaded, change, traceId),
};

/** Stands for everybody who has no account. */
export const guestId = "0";
const page = 500;

/** In UTC: 2026-11-29. */
export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** The SQL of what is counted once a day. */
export function dailyStore(db: Kysely<Tables>, events: EventWriter<Tables>, daily: Daily) {
  const table = sql.id("interaction", daily.table);
  const count = sql.id(daily.count);
  const label = sql.id(daily.label);
  return {
    /** Adds what is new of the day, as `applyToVideos`. */
    apply: (all: DailyCommand[]) =>
      applyToVideos(db, events, all, async (transaction, commands, emit) => {
        await lockPeople(
          transaction,
          commands.map(({ userId }) => userId).filter((userId) => userId !== guestId),
        );
        const { rows } = await sql<{ video_id: string; user_id: string; label: string; author_id: string }>`
          with added as (
            insert into ${table} (video_id, user_id, day, ${label}, at_ms)
            select * from unnest(${commands.map(({ videoId }) => videoId)}::int8[],
              ${commands.map(({ userId }) => userId)}::int8[], ${commands.map(({ atMs }) => dayOf(atMs))}::date[],
              ${commands.map(({ label }) => label)}::text[], ${commands.map(({ atMs }) => atMs)}::int8[])
            on conflict (${daily.unique}) do nothing returning video_id, user_id, ${label} as label
          ), counted as (
            update interaction.video v set ${count} = v.${count} + c.n
            from (select video_id, count(*) as n from added group by video_id) c
            where v.video_id = c.video_id returning v.video_id, v.author_id
          )
          select video_id, user_id, label, author_id from added join counted using (video_id)`.execute(
          transaction,
        );
        const changed = rows.map((row) => ({
          ...row,
          guest: row.user_id === guestId ? row.label : undefined,
        }));
        const authors = new Map(
          changed.map((row) => [
            keyOf({ videoId: row.video_id, userId: row.user_id, guest: row.guest }),
            row.author_id,
          ]),
        );
        for (const command of commands) {
          const authorId = authors.get(keyOf(command));
          if (authorId === undefined) continue;
          const { videoId, userId, atMs, traceId } = command;
          daily.tell(emit, { videoId, userId, authorId, change: 1, atMs, timesMs: [atMs] }, traceId);
        }
        return changed;
      }),
    /** Removes some of what a person did, with its counts and events; returns whether there may be more. */
    forget: (userId: string, traceId?: string): Promise<boolean> =>
      events.transaction(db, async (transaction, emit) => {
        const { rows: found } = await sql<{ video_id: string; day: string }>`
          select video_id, day::text from ${table} where user_id = ${userId} limit ${page}`.execute(
          transaction,
        );
        const videoIds = found.map((row) => row.video_id);
        await lockVideoIds(transaction, videoIds);
        const { rows } = await sql<{ video_id: string; author_id: string; times: string[] }>`
          with gone as (
            delete from ${table} d
            using unnest(${videoIds}::int8[], ${found.map(({ day }) => day)}::date[]) as f(video_id, of_day)
            where d.video_id = f.video_id and d.user_id = ${userId} and d.day = f.of_day
            returning d.video_id, ${daily.at} as at
          ), change as (
            select video_id, count(*) as n, array_agg(at::text) as times from gone group by video_id
          ), counted as (
            update interaction.video v set ${count} = v.${count} - c.n from change c where v.video_id = c.video_id
            returning v.video_id, v.author_id
          )
          select video_id, author_id, times from change join counted using (video_id)`.execute(transaction);
        const atMs = Date.now();
        for (const { video_id: videoId, author_id: authorId, times } of rows) {
          const timesMs = times.map(Number);
          daily.tell(emit, { videoId, userId, authorId, change: -times.length, atMs, timesMs }, traceId);
        }
        return found.length === page;
      }),
  };
}

export type DailyStore = ReturnType<typeof dailyStore>;

/** The SQL of codes that lead to shared videos. */
export function codeStore(db: Kysely<Tables>) {
  return {
    codeOf: async (videoId: string, userId: string, day: string): Promise<string | undefined> =>
      (
        await db
          .selectFrom("share")
          .select("code")
          .where("video_id", "=", videoId)
          .where("user_id", "=", userId)
          .where("day", "=", sql<string>`${day}::date`)
          .executeTakeFirst()
      )?.code,
    /** The code of one picture, by its number: this one, or that of before. Undefined if the video is not shared on that day. */
    pictureCode: async (
      of: { videoId: string; userId: string; day: string; picture: number },
      code: string,
    ): Promise<string | undefined> => {
      const { rows } = await sql<{ code: string }>`
        with shared as (
          select video_id, user_id, day from interaction.share
          where video_id = ${of.videoId} and user_id = ${of.userId} and day = ${of.day}::date for key share
        )
        insert into interaction.shared_picture as p (video_id, user_id, day, picture, code)
        select video_id, user_id, day, ${of.picture}, ${code} from shared
        on conflict (video_id, user_id, day, picture) do update set code = p.code
        returning p.code`.execute(db);
      return rows[0]?.code;
    },
    /** What a code leads to: a picture by its number, 0 is all of it. */
    sharedWith: async (code: string): Promise<{ videoId: string; picture: number } | undefined> => {
      const { rows } = await sql<{ video_id: string; picture: number }>`
        select video_id, 0 as picture from interaction.share where code = ${code}
        union all select video_id, picture from interaction.shared_picture where code = ${code}`.execute(db);
      return rows[0] && { videoId: rows[0].video_id, picture: rows[0].picture };
    },
  };
}

export type CodeStore = ReturnType<typeof codeStore>;
