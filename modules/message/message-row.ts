import { type RawBuilder, sql } from "kysely";

/** The picture of a message: keys of its blobs, and its size as shown. */
export interface Picture {
  key: string;
  small_key: string;
  width: number;
  height: number;
}

/** A message as one person sees it. */
export interface MessageRow {
  id: string;
  sender_id: string;
  /** The other person, or the group. */
  receiver_id: string;
  content: string;
  in_group: boolean;
  /** NoticeKind; null if somebody has written it. */
  notice: number | null;
  /** Whom the notice concerns. */
  people: string[] | null;
  recalled: boolean;
  /** By the moderators. */
  taken_down: boolean;
  forwarded: boolean;
  picture: Picture | null;
  video_id: string | null;
  profile_id: string | null;
  reply_to: QuoteRow | null;
  reactions: ReactionRow[] | null;
  mentions: MentionRow[] | null;
}
/** A member whom a message mentions, and the name by which it does. */
export interface MentionRow {
  name_key: string;
  user_id: string;
}
export interface QuoteRow {
  id: string;
  /** Null: it is gone, for this person at least. */
  sender_id: string | null;
  content: string | null;
  recalled: boolean;
  picture: boolean;
  video: boolean;
  profile: boolean;
}
interface ReactionRow {
  emoji: string;
  count: number;
  own: boolean;
}

/** How much of a message is shown where another one answers it. */
export const quotedCharacters = 200;

/** A message `m` as a MessageRow. Ids are texts, so that they also survive as JSON. */
export const messageColumns = (viewer: RawBuilder<unknown>) => sql`
  m.id::text, m.sender_id::text,
  (case when m.low_id = 0 then m.high_id else m.low_id + (m.high_id - m.sender_id) end)::text as receiver_id, m.content,
  m.low_id = 0 as in_group, m.notice, case when m.notice is not null then array(
    select user_id::text from message.notice_person n where n.group_id = m.high_id and n.message_id = m.id
  ) end as people,
  m.recalled_at_ms is not null as recalled, m.moderated is not null as taken_down, m.forwarded, m.video_id::text, m.profile_id::text,
  (
    select json_build_object('key', p.key, 'small_key', p.small_key, 'width', p.width, 'height', p.height)
    from message.picture p where p.low_id = m.low_id and p.high_id = m.high_id and p.message_id = m.id
  ) as picture,
  case when m.reply_to_id is not null then (
    select json_build_object('id', m.reply_to_id::text, 'sender_id', q.sender_id::text,
      'content', left(q.content, ${sql.lit(quotedCharacters)}), ${quotedParts(sql`q`)})
    from (select) one left join message.message q
      on q.low_id = m.low_id and q.high_id = m.high_id and q.id = m.reply_to_id and ${sees(sql`q`, viewer)}
  ) end as reply_to,
  (
    select json_agg(json_build_object('emoji', r.emoji, 'count', r.count, 'own', exists (
      select from message.reaction o
      where o.low_id = r.low_id and o.high_id = r.high_id and o.message_id = r.message_id
        and o.user_id = ${viewer} and o.emoji = r.emoji)) order by r.first_ms, r.emoji)
    from message.reaction_count r
    where r.low_id = m.low_id and r.high_id = m.high_id and r.message_id = m.id
  ) as reactions,
  case when m.low_id = 0 then (
    select json_agg(json_build_object('name_key', n.name_key, 'user_id', n.user_id::text)) from message.mention n
    where n.group_id = m.high_id and n.message_id = m.id
  ) end as mentions`;

/** Whether a message was taken back, and what it shows: names and values. */
export const quotedParts = (message: RawBuilder<unknown>) => sql`
  'recalled', ${message}.recalled_at_ms is not null, 'video', ${message}.video_id is not null,
  'profile', ${message}.profile_id is not null, 'picture', exists (
    select from message.picture p where p.low_id = ${message}.low_id and p.high_id = ${message}.high_id
      and p.message_id = ${message}.id)`;

/** Whether the person has not removed a message for themselves. */
export const isShown = (message: RawBuilder<unknown>, viewer: RawBuilder<unknown>) => sql`not exists (
  select from message.hidden h
  where h.user_id = ${viewer} and h.low_id = ${message}.low_id and h.high_id = ${message}.high_id
    and h.message_id = ${message}.id)`;

/** The same of a message of which there is a mention of the person. */
export const mentionIsShown = (mention: RawBuilder<unknown>) => sql`not exists (
  select from message.hidden h
  where h.user_id = ${mention}.user_id and h.low_id = 0 and h.high_id = ${mention}.group_id
    and h.message_id = ${mention}.message_id)`;

/** Whether the person is in the conversation of a message, and was when it was written. */
export const isIn = (message: RawBuilder<unknown>, viewer: RawBuilder<unknown>) => sql`(
  ${viewer} in (${message}.low_id, ${message}.high_id) or exists (
    select from message.member i
    where i.group_id = ${message}.high_id and i.user_id = ${viewer} and i.since_id < ${message}.id))`;

/** Whether the person can read a message. */
export const sees = (message: RawBuilder<unknown>, viewer: RawBuilder<unknown>) =>
  sql`${isIn(message, viewer)} and ${isShown(message, viewer)}`;

/** The latest message of a conversation `c` of two that its person sees; 0: there is none. */
export const shownLatest = sql`case when c.shown_for = c.last_id then c.shown_id else c.last_id end`;

/** Whether a message `m` is of the conversation that the person names so: with a person, or of a group. */
export const isOf = (userId: string, peerId: string) => sql`(m.low_id, m.high_id) in (
  (least(${userId}::int8, ${peerId}::int8), greatest(${userId}::int8, ${peerId}::int8)), (0, ${peerId}::int8))`;
