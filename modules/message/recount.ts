import { sql } from "kysely";
import type { KeptCount } from "#platform/db/recount.ts";
import { isShown, mentionIsShown, shownLatest } from "./message-row.ts";

/** Messages `m` of the conversation `c`. */
const messages = sql`message.message m on m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)`;

/** A conversation that is being erased may have lost its oldest messages. */
const whole = sql`not exists (select from message.person g where g.gone and g.user_id in (c.user_id, c.peer_id))`;

export const counts: readonly KeptCount[] = [
  {
    what: "members of groups",
    kept: sql`select id, members from message.group_chat`,
    facts: sql`select group_id, count(*) from message.member group by 1`,
  },
  {
    what: "unread in groups",
    kept: sql`
      select (m.group_id, m.user_id), g.total - m.seen
      from message.member m join message.group_chat g on g.id = m.group_id`,
    facts: sql`
      select (p.group_id, p.user_id), count(*) from message.member p
      join message.message m on m.low_id = 0 and m.high_id = p.group_id and m.id > p.read_id
        and m.sender_id <> p.user_id and m.notice is null and ${isShown(sql`m`, sql`p.user_id`)}
      group by 1`,
  },
  {
    what: "mentions in groups",
    kept: sql`select (group_id, user_id), mentioned from message.member`,
    facts: sql`
      select (p.group_id, p.user_id), count(*) from message.member p
      join message.mention w on w.group_id = p.group_id and w.user_id = p.user_id and w.message_id > p.read_id
        and ${mentionIsShown(sql`w`)}
      group by 1`,
  },
  {
    what: "latest of groups",
    kept: sql`select id, last_id from message.group_chat`,
    facts: sql`
      select g.id, max(m.id) from message.group_chat g
      join message.message m on m.low_id = 0 and m.high_id = g.id group by 1`,
  },
  {
    what: "people of notifications",
    kept: sql`select (user_id, kind, subject_id), people from message.notification`,
    facts: sql`
      select (user_id, kind, subject_id), count(distinct actor_id) from message.notification_fact group by 1`,
  },
  {
    what: "unread in conversations",
    kept: sql`select (user_id, peer_id), unread from message.conversation`,
    facts: sql`
      select (c.user_id, c.peer_id), count(*) from message.conversation c
      join ${messages} and m.sender_id = c.peer_id and m.id > c.read_id
        and ${isShown(sql`m`, sql`c.user_id`)}
      group by 1`,
  },
  {
    what: "unread of people",
    // Who is gone is told nothing more, and counted no more.
    kept: sql`select user_id, unread from message.person where not gone`,
    facts: sql`
      select user_id, sum(unread) from (
        select user_id, unread from message.conversation where not muted
        union all
        select m.user_id, case when m.muted then m.mentioned else g.total - m.seen end
        from message.member m join message.group_chat g on g.id = m.group_id
      ) counted
      where not exists (select from message.person p where p.user_id = counted.user_id and p.gone)
      group by 1`,
  },
  {
    what: "latest of conversations",
    kept: sql`select (user_id, peer_id), last_id from message.conversation`,
    facts: sql`select (c.user_id, c.peer_id), max(m.id) from message.conversation c join ${messages} group by 1`,
  },
  {
    what: "latest shown of conversations",
    kept: sql`select (user_id, peer_id), ${shownLatest} from message.conversation c`,
    facts: sql`
      select (c.user_id, c.peer_id), max(m.id) from message.conversation c
      join ${messages} and ${isShown(sql`m`, sql`c.user_id`)} group by 1`,
  },
  {
    what: "reactions",
    kept: sql`select (low_id, high_id, message_id, emoji), count from message.reaction_count`,
    facts: sql`select (low_id, high_id, message_id, emoji), count(*) from message.reaction group by 1`,
  },
  {
    what: "answered conversations",
    kept: sql`select (user_id, peer_id), answered::int from message.conversation c where ${whole}`,
    facts: sql`
      select (c.user_id, c.peer_id), 1 from message.conversation c
      join ${messages} and m.sender_id = c.peer_id where ${whole} group by 1`,
  },
  {
    // Past friendships are not stored, so this is an upper bound: what was sent before the first answer.
    what: "messages to strangers",
    kept: sql`select (user_id, peer_id), to_stranger from message.conversation c where ${whole}`,
    facts: sql`
      select (c.user_id, c.peer_id), least(c.to_stranger, count(m.id) filter (where m.sender_id = c.user_id and m.id < a.first))
      from message.conversation c
      cross join lateral (
        select coalesce(min(m.id), 9223372036854775807) as first from message.message m
        where m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)
          and m.sender_id = c.peer_id
      ) a
      left join ${messages}
      where c.to_stranger > 0 and ${whole} group by c.user_id, c.peer_id, c.to_stranger`,
  },
];
