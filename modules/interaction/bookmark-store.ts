import { sql } from "kysely";
import { bookmarked } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { lockPeople } from "./person-rows.ts";
import type { Tables } from "./tables.ts";
import { applyToVideos, keyOf } from "./video-commands.ts";

/** Keeps a video for one person, or no longer. */
export interface BookmarkCommand {
  videoId: string;
  userId: string;
  kept: boolean;
  /** Of the new bookmark. */
  id: string;
  traceId?: string;
}

const page = 500;

/** The SQL of bookmarks and their counts. */
export function bookmarkStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /** Adds and removes bookmarks, as `applyToVideos`. */
    apply: (all: BookmarkCommand[]) =>
      applyToVideos(db, events, all, async (transaction, commands, emit) => {
        const [kept, left] = [true, false].map((one) => commands.filter(({ kept }) => kept === one));
        // Also those of the deleted are removed.
        await lockPeople(
          transaction,
          kept!.map(({ userId }) => userId),
        );
        const { rows } = await sql<{ video_id: string; user_id: string }>`
          with added as (
            insert into interaction.bookmark (video_id, user_id, id)
            select * from unnest(${kept!.map(({ videoId }) => videoId)}::int8[],
              ${kept!.map(({ userId }) => userId)}::int8[], ${kept!.map(({ id }) => id)}::int8[])
            on conflict do nothing returning video_id, user_id
          ), removed as (
            delete from interaction.bookmark b
            using unnest(${left!.map(({ videoId }) => videoId)}::int8[],
              ${left!.map(({ userId }) => userId)}::int8[]) as l(video_id, user_id)
            where b.video_id = l.video_id and b.user_id = l.user_id returning b.video_id, b.user_id
          ), change as (
            select *, 1 as n from added union all select *, -1 from removed
          ), counted as (
            update interaction.video v set bookmarks = v.bookmarks + c.n
            from (select video_id, sum(n) as n from change group by video_id) c
            where v.video_id = c.video_id
          )
          select video_id, user_id from change`.execute(transaction);
        const changed = new Set(rows.map((row) => keyOf({ videoId: row.video_id, userId: row.user_id })));
        for (const command of commands) {
          if (!changed.has(keyOf(command))) continue;
          const { videoId, userId, kept, traceId } = command;
          emit(bookmarked, { videoId, userId, kept, atMs: Date.now() }, traceId);
        }
        return rows;
      }),
    /** What a person keeps, the newest first. */
    list(userId: string, before: string | undefined, limit: number) {
      let rows = db.selectFrom("bookmark").select(["id", "video_id"]).where("user_id", "=", userId);
      if (before) rows = rows.where("id", "<", before);
      return rows.orderBy("id", "desc").limit(limit).execute();
    },
    /** A page of a person's bookmarks, after this one. */
    bookmarksOf: (userId: string, afterId: string) =>
      db
        .selectFrom("bookmark")
        .select(["id", "video_id"])
        .where("user_id", "=", userId)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(page)
        .execute(),
  };
}

export type BookmarkStore = ReturnType<typeof bookmarkStore>;
