import { sql } from "kysely";
import { withoutDeleted } from "#contracts/deleted-accounts.ts";
import { bookmarked } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { lockPeople } from "./person-rows.ts";
import type { Tables } from "./tables.ts";
import { lockVideoIds } from "./video-rows.ts";

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
const keyOf = ({ videoId, userId }: { videoId: string; userId: string }) => `${videoId} ${userId}`;

/** The SQL of bookmarks and their counts. */
export function bookmarkStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /**
     * Applies many commands in one transaction with facts, counts and events. Returns for each whether it changed
     * anything, undefined if the video is gone, and a refusal if the person is deleted. No two may be by the same
     * person on the same video.
     */
    apply: (all: BookmarkCommand[]): Promise<(boolean | undefined | DomainError)[]> =>
      withoutDeleted(
        all,
        (command) => [command.userId],
        (commands) =>
          events.transaction(db, async (transaction, emit) => {
            const videos = await lockVideoIds(
              transaction,
              commands.map(({ videoId }) => videoId),
            );
            const there = commands.filter(({ videoId }) => videos.has(videoId));
            const [kept, left] = [true, false].map((one) => there.filter(({ kept }) => kept === one));
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
            const changed = new Set(rows.map((row) => `${row.video_id} ${row.user_id}`));
            for (const command of there) {
              if (!changed.has(keyOf(command))) continue;
              const { videoId, userId, kept, traceId } = command;
              emit(bookmarked, { videoId, userId, kept, atMs: Date.now() }, traceId);
            }
            return commands.map((command) =>
              videos.has(command.videoId) ? changed.has(keyOf(command)) : undefined,
            );
          }),
      ),
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
