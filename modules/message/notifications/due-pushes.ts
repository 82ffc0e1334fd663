import { type RawBuilder, sql } from "kysely";
import { pushedOnly } from "#contracts/notification-kinds.ts";
import type { Queryable } from "#platform/db/database.ts";
import { idAtTime } from "#platform/ids/snowflake.ts";
import type { Tables } from "../tables.ts";
import type { NotificationRef } from "./fact-store.ts";
import { lockPeople } from "./notification-store.ts";
import { pushedKeptMs } from "./push-store.ts";

/** A browser and what it is to be told of. */
export interface PushRef extends NotificationRef {
  endpointHash: string;
  /** Not before this. */
  runAt: Date;
}

/** Of one thing a browser is told once in this time, so that of many likes it is told together. */
const everyMs = 60_000;
/** How much is pushed to a person: one thing in this time, and so many at once after a while without any. */
const personEveryMs = 6_000;
const personAtOnce = 10;
/** In which something may be seen first: a notification, or a message. */
const soonMs = { notification: 1_000, message: 3_000 };

/** What is pushed to people of what is `due` (user_id, kind, subject_id, last_id), which `tell` marks as told. */
async function dueOf(
  on: Queryable<Tables>,
  nowMs: number,
  due: RawBuilder<unknown>,
  tell: RawBuilder<unknown>,
): Promise<PushRef[]> {
  const { rows } = await sql<{ user_id: string; kind: number; subject_id: string; hash: string; at: string }>`
    with due as materialized (
      select w.*, greatest(p.push_ms, ${nowMs - personEveryMs * personAtOnce})
        + ${personEveryMs} * row_number() over (partition by w.user_id order by w.last_id) as push_ms
      from (${due}) w join message.notified p on p.user_id = w.user_id
      where w.kind <> all(p.unpushed)
        and exists (select from message.push_subscription s where s.user_id = w.user_id)
    ), now as (
      select * from due where push_ms <= ${nowMs}
    ), people as (
      update message.notified p set push_ms = d.push_ms
      from (select user_id, max(push_ms) as push_ms from now group by user_id) d where p.user_id = d.user_id
    ), told as (${tell})
    select t.user_id, d.kind, t.subject_id, s.endpoint_hash as hash, greatest(t.pushed_ms, s.paused_ms) as at
    from told t
    join now d on d.user_id = t.user_id and d.kind = t.kind and d.subject_id = t.subject_id
    join message.push_subscription s on s.user_id = t.user_id`.execute(on);
  return rows.map(({ user_id: userId, kind, subject_id: subjectId, hash: endpointHash, at }) => ({
    ...{ userId, kind, subjectId, endpointHash },
    runAt: new Date(Number(at)),
  }));
}

/**
 * The browsers of people with news, each with when it is told. What is too much for a person stays in the list only. The
 * people are locked.
 */
export async function pushesOfNews(
  on: Queryable<Tables>,
  news: readonly NotificationRef[],
): Promise<PushRef[]> {
  if (news.length === 0) return [];
  const nowMs = Date.now();
  // What is told soon anyway is not due.
  const due = sql`
    select n.user_id, n.kind, n.subject_id, n.position as last_id
    from unnest(${news.map((one) => one.userId)}::int8[], ${news.map((one) => one.kind)}::int2[],
      ${news.map((one) => one.subjectId)}::int8[]) as w(user_id, kind, subject_id)
    join message.notification n using (user_id, kind, subject_id)
    where n.people > 0 and n.pushed_ms <= ${nowMs}`;
  const tell = sql`
    update message.notification n
    set pushed_ms = greatest(n.pushed_ms + ${everyMs}, ${nowMs + soonMs.notification})
    from now d where n.user_id = d.user_id and n.kind = d.kind and n.subject_id = d.subject_id
    returning n.user_id, n.kind, n.subject_id, n.pushed_ms`;
  return dueOf(on, nowMs, due, tell);
}

/** Conversations in which somebody has written, or so it seems. */
export interface Written {
  pairs: readonly { receiverId: string; senderId: string }[];
  groupIds: readonly string[];
}

/** The same for messages that were not read: of a conversation, until then, once in a while. */
export async function pushesOfMessages(
  on: Queryable<Tables>,
  { pairs, groupIds }: Written,
): Promise<PushRef[]> {
  if (pairs.length + groupIds.length === 0) return [];
  const nowMs = Date.now();
  const isNew = (lastId: RawBuilder<unknown>) =>
    sql`(t.user_id is null or t.pushed_ms <= ${nowMs} and ${lastId} > t.last_id)`;
  const due = sql`
    select c.user_id, ${pushedOnly.message}::int2 as kind, c.peer_id as subject_id, c.last_id
    from (select distinct * from unnest(${pairs.map((one) => one.receiverId)}::int8[],
      ${pairs.map((one) => one.senderId)}::int8[]) as w(user_id, peer_id)) w
    join message.conversation c using (user_id, peer_id)
    left join message.message_push t using (user_id, peer_id)
    where c.unread > 0 and not c.muted and ${isNew(sql`c.last_id`)}
    union all
    select m.user_id, ${pushedOnly.message}::int2, m.group_id, x.id
    from message.member m
    join message.group_chat g on g.id = m.group_id
    left join message.message_push t on t.user_id = m.user_id and t.peer_id = m.group_id
    cross join lateral (
      -- Not a notice, nothing of one's own, and nothing of which it is not known any more whether it was pushed.
      select id from message.message x
      where x.low_id = 0 and x.high_id = m.group_id
        and x.id > greatest(m.read_id, t.last_id, ${idAtTime(nowMs - pushedKeptMs).toString()}::int8)
        and x.sender_id <> m.user_id and x.notice is null
      order by id desc limit 1
    ) x
    where m.group_id = any(${groupIds}::int8[]) and g.total > m.seen and not m.muted and ${isNew(sql`x.id`)}
      and exists (select from message.push_subscription s where s.user_id = m.user_id)`;
  const { rows } = await sql<{ user_id: string }>`
    select distinct user_id from (${due}) d
    where exists (select from message.push_subscription s where s.user_id = d.user_id)`.execute(on);
  if (rows.length === 0) return [];
  await lockPeople(
    on,
    rows.map((row) => row.user_id),
  );
  const tell = sql`
    insert into message.message_push as t (user_id, peer_id, pushed_ms, last_id)
    select user_id, subject_id, ${nowMs + soonMs.message}, last_id from now order by user_id, subject_id
    on conflict (user_id, peer_id) do update set last_id = excluded.last_id,
      pushed_ms = greatest(t.pushed_ms + ${everyMs}, excluded.pushed_ms)
    returning user_id, ${pushedOnly.message}::int2 as kind, peer_id as subject_id, pushed_ms`;
  return dueOf(on, nowMs, due, tell);
}
