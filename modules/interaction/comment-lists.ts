import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import type { CommentRow, Tables } from "./tables.ts";

/** Where a list by heat continues: below a comment, in the order at the time when paging began. */
export interface HeatPosition {
  /** The video's last sequence at that time. */
  asOf: string;
  heat: string;
  floor: string;
}

/** The lists of comments. Each continues after a number that is given in commit order, so none has gaps. */
export function commentLists(db: Kysely<Tables>) {
  const comments = (videoId: string, limit: number) =>
    db.selectFrom("comment").selectAll().where("video_id", "=", videoId).limit(limit);
  return {
    video: (videoId: string) =>
      db.selectFrom("video").selectAll().where("video_id", "=", videoId).executeTakeFirst(),
    comment: (videoId: string, id: string) => comments(videoId, 1).where("id", "=", id).executeTakeFirst(),
    /** Of whatever videos. */
    byIds: (ids: readonly string[]): Promise<CommentRow[]> =>
      db.selectFrom("comment").selectAll().where("id", "=", sql<string>`any(${ids}::int8[])`).execute(),
    /** Comments, the newest first. */
    byTime(videoId: string, beforeFloor: string | undefined, limit: number): Promise<CommentRow[]> {
      let rows = comments(videoId, limit).where("root_id", "is", null);
      if (beforeFloor) rows = rows.where("floor", "<", beforeFloor);
      return rows.orderBy("floor", "desc").execute();
    },
    /** Comments and replies, the newest first. */
    flat(videoId: string, beforeSequence: string | undefined, limit: number): Promise<CommentRow[]> {
      let rows = comments(videoId, limit);
      if (beforeSequence) rows = rows.where("sequence", "<", beforeSequence);
      return rows.orderBy("sequence", "desc").execute();
    },
    /** The latest comments and replies of each of these videos, the newest first. */
    async latest(videoIds: readonly string[], limit: number): Promise<CommentRow[]> {
      const { rows } = await sql<CommentRow>`
        select c.* from unnest(${videoIds}::int8[]) as w(id)
        join interaction.video v on v.video_id = w.id and not v.removed
        cross join lateral (
          select * from interaction.comment where video_id = w.id order by sequence desc limit ${limit}
        ) c
        order by c.video_id, c.sequence desc`.execute(db);
      return rows;
    },
    /** Replies to a comment, the oldest first. */
    replies(videoId: string, rootId: string, afterFloor: string | undefined, limit: number) {
      let rows = comments(videoId, limit).where("root_id", "=", rootId);
      if (afterFloor) rows = rows.where("floor", ">", afterFloor);
      return rows.orderBy("floor").execute();
    },
    /**
     * Comments by the number of replies that they had when paging began, then newest first. The replies added since
     * are few and are subtracted, so new ones move no comment across the page's edge. A comment that has lost a reply
     * may appear again further down.
     */
    async byHeat(
      videoId: string,
      { asOf, heat, floor }: HeatPosition,
      limit: number,
    ): Promise<(CommentRow & { heat: string })[]> {
      const { rows } = await sql<CommentRow & { heat: string }>`
        with since as materialized (
          select root_id, count(*) as replies from interaction.comment
          where video_id = ${videoId} and sequence > ${asOf} and root_id is not null group by root_id
        )
        select * from (
          (
            select c.*, c.replies as heat from interaction.comment c
            where video_id = ${videoId} and root_id is null and sequence <= ${asOf}
              and (replies, floor) < (${heat}::int8, ${floor}::int8) and id not in (select root_id from since)
            order by replies desc, floor desc limit ${limit}
          ) union all (
            select c.*, c.replies - s.replies as heat
            from since s join interaction.comment c on c.video_id = ${videoId} and c.id = s.root_id
            where sequence <= ${asOf} and (c.replies - s.replies, floor) < (${heat}::int8, ${floor}::int8)
            order by heat desc, floor desc limit ${limit}
          )
        ) candidates
        order by heat desc, floor desc limit ${limit}`.execute(db);
      return rows;
    },
  };
}
