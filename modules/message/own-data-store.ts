import { sql } from "kysely";
import { GroupRole, MessageReportReason, NoticeKind } from "#contracts/gen/message_pb.ts";
import { kindName, pushedKinds } from "#contracts/notification-kinds.ts";
import { isoTime, type OwnData, type OwnFile } from "#platform/export/own-data.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { isShown, type MessageRow, messageColumns } from "./message-row.ts";
import type { Tables } from "./tables.ts";

/** What the person reads in their conversations and groups, and nothing that was said before they came. */
const messages: OwnFile<Tables> = {
  about: { en: "Your conversations and groups", zh: "你的会话和群聊" },
  async page(db, userId, after = "0 0", limit) {
    const viewer = sql`${userId}::int8`;
    const [place, id] = after.split(" ");
    const { rows } = await sql<MessageRow & { place: string }>`
      select o.id as place, m.*
      from (
        select peer_id as id, least(user_id, peer_id) as low_id, greatest(user_id, peer_id) as high_id, 0::int8 as since_id
        from message.conversation where user_id = ${viewer}
        union all
        select group_id, 0, group_id, since_id from message.member where user_id = ${viewer}
      ) o cross join lateral (
        select ${messageColumns(viewer)}, m.id as n from message.message m
        where m.low_id = o.low_id and m.high_id = o.high_id
          and m.id > greatest(o.since_id, case when o.id = ${place}::int8 then ${id}::int8 else 0 end)
          and ${isShown(sql`m`, viewer)}
        order by m.id limit ${limit}
      ) m
      where o.id >= ${place}::int8 order by o.id, m.n limit ${limit}`.execute(db);
    return rows.map((row) => ({
      key: `${row.place} ${row.id}`,
      fields: {
        id: row.id,
        at: isoTime(timeOfId(row.id)),
        ...(row.in_group && { group: row.receiver_id }),
        ...(row.notice === null
          ? { text: row.content }
          : { notice: NoticeKind[row.notice]!.toLowerCase(), text: row.content }),
        recalled: row.recalled,
        forwarded: row.forwarded,
        ...(row.video_id && { post: row.video_id }),
        ...(row.reply_to && { answers: row.reply_to.id }),
        ...(row.reactions && { reactions: row.reactions }),
      },
      people: {
        from: row.sender_id,
        ...(!row.in_group && { to: row.receiver_id }),
        ...(row.profile_id && { profile: row.profile_id }),
      },
      media: row.picture ? [{ what: "picture", keys: [row.picture.key, row.picture.small_key] }] : [],
    }));
  },
};

const groups: OwnFile<Tables> = {
  about: { en: "Groups you are in", zh: "你所在的群" },
  async page(db, userId, after = "0", limit) {
    const { rows } = await sql<{
      id: string;
      name: string;
      announcement: string;
      members: number;
      role: GroupRole;
      muted: boolean;
    }>`
      select g.id, g.name, g.announcement, g.members, m.role, m.muted
      from message.member m join message.group_chat g on g.id = m.group_id
      where m.user_id = ${userId} and g.id > ${after}::int8 order by g.id limit ${limit}`.execute(db);
    return rows.map(({ role, ...fields }) => ({
      key: fields.id,
      fields: { ...fields, role: GroupRole[role]!.toLowerCase() },
    }));
  },
};

const reports: OwnFile<Tables> = {
  about: { en: "Messages you reported", zh: "你举报的消息" },
  async page(db, userId, after = "0", limit) {
    const rows = await db
      .selectFrom("report")
      .select(["id", "message_id", "sender_id", "reason", "text"])
      .where("reporter_id", "=", userId)
      .where("id", ">", after)
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      key: row.id,
      fields: {
        at: isoTime(timeOfId(row.id)),
        message: row.message_id,
        reason: MessageReportReason[row.reason]!.toLowerCase(),
        text: row.text,
      },
      people: { person: row.sender_id },
    }));
  },
};

const settings: OwnFile<Tables> = {
  about: { en: "What you are told of", zh: "你的通知设置" },
  async page(db, userId, after) {
    if (after !== undefined) return [];
    const row = await db
      .selectFrom("notified")
      .select(["unlisted", "unpushed"])
      .where("user_id", "=", userId)
      .executeTakeFirst();
    return Object.values(pushedKinds).map((kind) => ({
      key: String(kind),
      fields: {
        kind: kindName(kind),
        list: !row?.unlisted.includes(kind),
        push: !row?.unpushed.includes(kind),
      },
    }));
  },
};

export const ownData: OwnData<Tables> = {
  files: { messages, groups, "reported-messages": reports, "notification-settings": settings },
};
