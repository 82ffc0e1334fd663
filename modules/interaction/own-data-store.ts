import { type RawBuilder, sql } from "kysely";
import { Reaction, ReportReason } from "#contracts/gen/interaction_pb.ts";
import { type BothLanguages, isoTime, type OwnData, type OwnFile } from "#platform/export/own-data.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { reactionOf, type StoredKind, storedKinds } from "./reaction-kinds.ts";
import type { Tables } from "./tables.ts";

/** Videos that somebody has kept in `table`: which and when. Whether they may still be seen is not told. */
function kept(about: BothLanguages, table: RawBuilder<unknown>): OwnFile<Tables> {
  return {
    about,
    async page(db, userId, after = "0", limit) {
      const { rows } = await sql<{ id: string; video_id: string }>`
        select id, video_id from ${table}
        where user_id = ${userId} and id > ${after}::int8 order by id limit ${limit}`.execute(db);
      return rows.map(({ id, video_id }) => ({
        key: id,
        fields: { post: video_id, at: isoTime(timeOfId(id)) },
      }));
    },
  };
}

const comments: OwnFile<Tables> = {
  about: { en: "Your comments", zh: "你的评论" },
  async page(db, userId, after = "0", limit) {
    const rows = await db
      .selectFrom("comment")
      .select(["id", "video_id", "root_id", "reply_to_user_id", "text", "replies"])
      .where("author_id", "=", userId)
      .where("id", ">", after)
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      key: row.id,
      fields: {
        id: row.id,
        at: isoTime(timeOfId(row.id)),
        post: row.video_id,
        under: row.root_id,
        text: row.text,
        replies: Number(row.replies),
      },
      people: { answers: row.reply_to_user_id },
    }));
  },
};

const reactions: OwnFile<Tables> = {
  about: { en: "Your reactions to videos", zh: "你对视频的表态" },
  async page(db, userId, after = "0", limit) {
    // One look into the index of each kind.
    const looks = storedKinds.map(
      (kind) => sql`(
        select id, video_id, reaction from interaction.reaction
        where user_id = ${userId}::int8 and reaction = ${sql.lit(kind)} and id > ${after}::int8 order by id limit ${limit}
      )`,
    );
    const { rows } = await sql<{ id: string; video_id: string; reaction: StoredKind }>`
      ${sql.join(looks, sql` union all `)} order by id limit ${limit}`.execute(db);
    return rows.map(({ id, video_id, reaction }) => ({
      key: id,
      fields: {
        post: video_id,
        reaction: Reaction[reactionOf(reaction)]!.toLowerCase(),
        at: isoTime(timeOfId(id)),
      },
    }));
  },
};

const reports: OwnFile<Tables> = {
  about: { en: "Comments you reported", zh: "你举报的评论" },
  async page(db, userId, after = "0", limit) {
    const rows = await db
      .selectFrom("report")
      .select(["id", "video_id", "comment_id", "reason", "text"])
      .where("reporter_id", "=", userId)
      .where("id", ">", after)
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      key: row.id,
      fields: {
        at: isoTime(timeOfId(row.id)),
        post: row.video_id,
        comment: row.comment_id,
        reason: ReportReason[row.reason]!.toLowerCase(),
        text: row.text,
      },
    }));
  },
};

export const ownData: OwnData<Tables> = {
  files: {
    comments,
    reactions,
    bookmarks: kept({ en: "Videos you saved", zh: "你收藏的视频" }, sql`interaction.bookmark`),
    reposts: kept({ en: "Videos you reposted", zh: "你转发的视频" }, sql`interaction.repost`),
    "reported-comments": reports,
  },
  async counts(db, postIds) {
    const rows = await db
      .selectFrom("video")
      .select(["video_id", "likes", "dislikes", "comments", "bookmarks", "reposts", "shares", "downloads"])
      .where("video_id", "in", postIds)
      .execute();
    return new Map(
      rows.map(({ video_id, ...counts }) => [
        video_id,
        Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, Number(n)])),
      ]),
    );
  },
};
