import { type RawBuilder, sql } from "kysely";
import { bookmarked, reposted, unreposted } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { lockPeople } from "./person-rows.ts";
import type { Tables } from "./tables.ts";
import { applyToVideos, keyOf, type VideoCommand } from "./video-commands.ts";

/** Marks a video for one person, or no longer. */
export interface MarkCommand extends VideoCommand {
  marked: boolean;
  /** Of the new mark. */
  id: string;
  traceId?: string;
}

interface Change {
  videoId: string;
  userId: string;
  authorId: string;
  marked: boolean;
}

/** A yes or no of a person about a video: where it is, where it is counted, and what tells of it. */
export interface Mark {
  table: "bookmark" | "repost";
  count: "bookmarks" | "reposts";
  /** What there is one of. */
  unique: RawBuilder<unknown>;
  tell(emit: Emit, change: Change, traceId: string | undefined): void;
}

const unique = sql`video_id, user_id`;

/** Kept, to find it again. */
export const bookmarks: Mark = {
  table: "bookmark",
  count: "bookmarks",
  unique,
  tell: (emit, { videoId, userId, marked: kept }, traceId) =>
    emit(bookmarked, { videoId, userId, kept, atMs: Date.now() }, traceId),
};

/** Shown to everybody on one's profile. */
export const reposts: Mark = {
  table: "repost",
  count: "reposts",
  unique,
  tell: (emit, { marked, ...repost }, traceId) =>
    emit(marked ? reposted : unreposted, { ...repost, atMs: Date.now() }, traceId),
};

const page = 500;

/** The SQL of one kind of mark and its counts. */
export function markStore(db: Kysely<Tables>, events: EventWriter<Tables>, { table, count, tell }: Mark) {
  const marks = sql.id("interaction", table);
  const counter = sql.id(count);
  return {
    /** Adds and removes marks, as `applyToVideos`. */
    apply: (all: MarkCommand[]) =>
      applyToVideos(db, events, all, async (transaction, commands, emit) => {
        const [added, removed] = [true, false].map((one) => commands.filter(({ marked }) => marked === one));
        // Also those of the deleted are removed.
        await lockPeople(
          transaction,
          added!.map(({ userId }) => userId),
        );
        const { rows } = await sql<{ video_id: string; user_id: string; author_id: string }>`
          with added as (
            insert into ${marks} (video_id, user_id, id)
            select * from unnest(${added!.map(({ videoId }) => videoId)}::int8[],
              ${added!.map(({ userId }) => userId)}::int8[], ${added!.map(({ id }) => id)}::int8[])
            on conflict do nothing returning video_id, user_id
          ), removed as (
            delete from ${marks} m
            using unnest(${removed!.map(({ videoId }) => videoId)}::int8[],
              ${removed!.map(({ userId }) => userId)}::int8[]) as r(video_id, user_id)
            where m.video_id = r.video_id and m.user_id = r.user_id returning m.video_id, m.user_id
          ), change as (
            select *, 1 as n from added union all select *, -1 from removed
          ), counted as (
            update interaction.video v set ${counter} = v.${counter} + c.n
            from (select video_id, sum(n) as n from change group by video_id) c
            where v.video_id = c.video_id
          )
          select c.video_id, c.user_id, v.author_id
          from change c join interaction.video v on v.video_id = c.video_id`.execute(transaction);
        const authors = new Map(
          rows.map((row) => [keyOf({ videoId: row.video_id, userId: row.user_id }), row.author_id]),
        );
        for (const { videoId, userId, marked, traceId } of commands) {
          const authorId = authors.get(keyOf({ videoId, userId }));
          if (authorId !== undefined) tell(emit, { videoId, userId, authorId, marked }, traceId);
        }
        return rows;
      }),
    /** The videos that a person has marked, the newest mark first. */
    list(userId: string, before: string | undefined, limit: number) {
      let rows = db.selectFrom(table).select(["id", "video_id"]).where("user_id", "=", userId);
      if (before) rows = rows.where("id", "<", before);
      return rows.orderBy("id", "desc").limit(limit).execute();
    },
    /** A page of a person's marks, after this one. */
    marksOf: (userId: string, afterId: string) =>
      db
        .selectFrom(table)
        .select(["id", "video_id"])
        .where("user_id", "=", userId)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(page)
        .execute(),
  };
}

export type MarkStore = ReturnType<typeof markStore>;
