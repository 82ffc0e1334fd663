import { sql } from "kysely";
import { reactionsRemoved } from "#contracts/events.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Daily } from "./daily-store.ts";
import type { Mark } from "./mark-store.ts";
import { removalChunk } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** Removes the reactions and comments of removed videos. Facts and counts agree after every step. */
export function removalStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  /** Removes one chunk while the video is locked; returns whether there may be more. */
  const inChunks = (
    videoId: string,
    remove: (transaction: Transaction<Tables>, emit: Emit) => Promise<{ rows: { count: string }[] }>,
  ) =>
    events.transaction(db, async (transaction, emit) => {
      await transaction
        .selectFrom("video")
        .select("video_id")
        .where("video_id", "=", videoId)
        .forNoKeyUpdate()
        .execute();
      return Number((await remove(transaction, emit)).rows[0]?.count ?? 0) === removalChunk;
    });
  return {
    /** Nothing is added to this video from now on, not even by viewers who just saw it. */
    async close(videoId: string, authorId: string): Promise<void> {
      await db
        .insertInto("video")
        .values({ video_id: videoId, author_id: authorId, removed: true, pinned_id: null })
        .onConflict((conflict) => conflict.column("video_id").doUpdateSet({ removed: true, pinned_id: null }))
        .execute();
    },
    /** The last step: leaves only the fact that the video was removed. */
    async forget(videoId: string): Promise<void> {
      await db.updateTable("video").set({ author_id: "0" }).where("video_id", "=", videoId).execute();
    },
    removeReactions: (videoId: string) =>
      inChunks(videoId, async (transaction, emit) => {
        const removed = await sql<{ count: string }>`
          with gone as (
            delete from interaction.reaction where video_id = ${videoId} and user_id in (
              select user_id from interaction.reaction where video_id = ${videoId} order by user_id limit ${removalChunk}
            ) returning user_id, reaction
          ), people as (
            insert into interaction.person as p (user_id, likes_received, likes_given)
            select person_id, -sum(received), -sum(given)
            from (
              select v.author_id, 1, 0 from interaction.video v, gone g where v.video_id = ${videoId} and g.reaction = 1
              union all select user_id, 0, 1 from gone where reaction = 1
            ) counts(person_id, received, given)
            group by person_id order by person_id
            on conflict (user_id) do update set likes_received = p.likes_received + excluded.likes_received,
              likes_given = p.likes_given + excluded.likes_given
          )
          update interaction.video set likes = likes - (select count(*) from gone where reaction = 1),
            dislikes = dislikes - (select count(*) from gone where reaction = -1)
          where video_id = ${videoId}
          returning (select count(*) from gone)`.execute(transaction);
        // Whose counts change it does not say, so whoever hears of it forgets everything.
        if (Number(removed.rows[0]?.count ?? 0) > 0) emit(reactionsRemoved, { videoId });
        return removed;
      }),
    /** Of facts that are counted beside the video and have no other consequence. */
    removeFacts: (
      videoId: string,
      { table, count, unique }: Pick<Mark | Daily, "table" | "count" | "unique">,
    ) =>
      inChunks(videoId, (transaction) =>
        sql<{ count: string }>`
          with gone as (
            delete from ${sql.id("interaction", table)} where (${unique}) in (
              select ${unique} from ${sql.id("interaction", table)} where video_id = ${videoId} limit ${removalChunk}
            ) returning video_id
          )
          update interaction.video set ${sql.id(count)} = ${sql.id(count)} - (select count(*) from gone)
          where video_id = ${videoId}
          returning (select count(*) from gone)`.execute(transaction),
      ),
    removeComments: (videoId: string) =>
      inChunks(videoId, (transaction) =>
        sql<{ count: string }>`
          with gone as (
            delete from interaction.comment where video_id = ${videoId} and id in (
              select id from interaction.comment where video_id = ${videoId} order by id limit ${removalChunk}
            ) returning id
          ), unreported as (
            delete from interaction.reported where video_id = ${videoId} and comment_id in (select id from gone)
          )
          update interaction.video set comments = comments - (select count(*) from gone)
          where video_id = ${videoId}
          returning (select count(*) from gone)`.execute(transaction),
      ),
  };
}

export type RemovalStore = ReturnType<typeof removalStore>;
