import type { Migrations } from "#platform/db/migrate.ts";
import { wholeJobTable } from "#platform/jobs/job-table.ts";

export const migrations: Migrations = {
  "0001-conversations": `
    -- A conversation as one of the two sees it. Both rows are made together, and whoever sends holds both until the
    -- commit, so sends in one conversation take turns.
    create table message.conversation (
      user_id int8 not null,
      peer_id int8 not null,
      -- The latest message; what the list is ordered by.
      last_id int8 not null default 0,
      -- Messages of the peer after read_id.
      unread int4 not null default 0,
      read_id int8 not null default 0,
      -- What the user has sent while a stranger and without an answer, and whether there has been one.
      to_stranger int2 not null default 0,
      answered boolean not null default false,
      primary key (user_id, peer_id)
    ) with (fillfactor = 70);
    create index conversation_latest on message.conversation (user_id, last_id);
    create table message.message (
      -- The conversation: its two people, the smaller id first.
      low_id int8 not null,
      high_id int8 not null,
      -- Also tells when it was sent; no two of a conversation are of the same millisecond.
      id int8 not null,
      sender_id int8 not null,
      content text not null,
      idempotency_key text,
      primary key (low_id, high_id, id)
    );
    create unique index message_key on message.message (low_id, high_id, sender_id, idempotency_key)
      where idempotency_key is not null;
    create table message.person (
      user_id int8 primary key,
      unread int8 not null default 0
    ) with (fillfactor = 70);
  `,
  "0002-gone-people": `
    -- Their account is deleted: nobody writes to them any more, nor they to anybody. What is left of them is this row.
    alter table message.person add gone boolean not null default false;
  `,
  "0003-timelines": `
    -- The latest number of what has reached the person.
    alter table message.person add seq int8 not null default 0;
    -- What has reached each person, in order and without gaps, written in the transaction of its fact.
    create table message.timeline (
      user_id int8 not null,
      seq int8 not null,
      -- modules/message/timeline-store.ts
      kind int2 not null,
      at_ms int8 not null,
      peer_id int8 not null,
      -- Of a message: its id. Of a read mark: the message up to which it was read.
      subject_id int8 not null,
      -- Of a read mark: who has read.
      actor_id int8 not null,
      primary key (user_id, seq)
    );
    -- The oldest are removed.
    create index timeline_old on message.timeline (at_ms);
    -- One row. Another epoch says that numbers mean something else than before.
    create table message.epoch (
      is_only boolean primary key default true check (is_only),
      epoch text not null
    );
    insert into message.epoch (epoch) values (substr(md5(gen_random_uuid()::text), 1, 12));
    ${wholeJobTable("message")}
  `,
  "0004-groups+": `
    -- A group has its messages in message.message, as low_id 0 and high_id its id. Whatever changes it or says something
    -- in it locks its row.
    create table message.group_chat (
      id int8 primary key,
      name text not null,
      announcement text not null default '',
      -- Who joins sees the last messages from before.
      shows_latest boolean not null default false,
      members int4 not null default 0,
      -- How many messages people have written in it, ever.
      total int8 not null default 0,
      -- The latest message.
      last_id int8 not null default 0,
      -- Who has made it with this key; both or none.
      creator_id int8,
      idempotency_key text
    ) with (fillfactor = 70);
    create unique index group_chat_key on message.group_chat (creator_id, idempotency_key)
      where idempotency_key is not null;
    create table message.member (
      group_id int8 not null,
      user_id int8 not null,
      -- GroupRole in contracts/message.proto.
      role int2 not null,
      -- Sees the messages after this one.
      since_id int8 not null,
      -- The latest message when they came: the order of members.
      joined_id int8 not null,
      read_id int8 not null,
      -- What they need not read of the group's total: total - seen are unread. A message changes no row of its readers.
      seen int8 not null,
      -- For themselves: what is said is not counted in message.person.
      muted boolean not null default false,
      -- By an admin: may not write until then.
      silent_until_ms int8 not null default 0,
      -- What mentions them and is unread: in a muted group that alone is counted in message.person.
      mentioned int4 not null default 0,
      primary key (group_id, user_id)
    ) with (fillfactor = 70);
    create index member_groups on message.member (user_id);
    create unique index member_owner on message.member (group_id) where role = 3;
    -- Whom a notice concerns; here, and not in its text, so that they can be forgotten.
    create table message.notice_person (
      group_id int8 not null,
      message_id int8 not null,
      user_id int8 not null,
      primary key (group_id, message_id, user_id)
    );
    create index notice_person_place on message.notice_person (user_id);
    -- Members whom a message in a group mentions.
    create table message.mention (
      user_id int8 not null,
      group_id int8 not null,
      message_id int8 not null,
      -- What they were called then (nameKey in platform/text).
      name_key text not null,
      primary key (user_id, group_id, message_id)
    );
    create index mention_message on message.mention (group_id, message_id);
    create table message.invitation (
      group_id int8 not null,
      user_id int8 not null,
      inviter_id int8 not null,
      -- What the list is ordered by; tells when it was.
      id int8 not null,
      -- Declined, taken back or without effect. It stays until it is old, since it still counts for its inviter.
      closed boolean not null default false,
      primary key (group_id, user_id)
    );
    create index invitation_listed on message.invitation (user_id, id);
    create index invitation_given on message.invitation (inviter_id, user_id);
    create index invitation_old on message.invitation (id);
    -- Who was in a group and is not now.
    create table message.former_member (
      group_id int8 not null,
      user_id int8 not null,
      -- Does not come back by the link.
      removed boolean not null,
      -- Who comes back is still muted until then.
      silent_until_ms int8 not null,
      primary key (group_id, user_id)
    );
    create index former_member_place on message.former_member (user_id);
    create table message.group_link (
      group_id int8 primary key,
      code text not null unique,
      uses int4 not null default 0,
      max_uses int4 not null,
      expires_at_ms int8 not null
    );
    -- NoticeKind in contracts/message.proto; null: somebody has written it.
    alter table message.message add column notice int2;
    -- What is said is not counted in message.person.
    alter table message.conversation add column muted boolean not null default false;
  `,
  "0004-what-one-said-in-groups+":
    "create index concurrently if not exists message_in_group on message.message (sender_id, high_id, id) where low_id = 0",
  "0005-acts+": `
    -- Its sender has taken it back then; its content is empty.
    alter table message.message add column recalled_at_ms int8;
    -- The message of the same conversation that it answers.
    alter table message.message add column reply_to_id int8;
    alter table message.message add column forwarded boolean not null default false;
    -- What it shows as a card.
    alter table message.message add column video_id int8;
    alter table message.message add column profile_id int8;
    create table message.picture (
      low_id int8 not null,
      high_id int8 not null,
      message_id int8 not null,
      -- Keys of blobs, and the size of the large one. Messages that were sent on have the same.
      key text not null,
      small_key text not null,
      width int4 not null,
      height int4 not null,
      primary key (low_id, high_id, message_id)
    );
    create index picture_message on message.picture (message_id);
    create index picture_key on message.picture (key);
    create index picture_small_key on message.picture (small_key);
    -- What is searched for: each pair of characters, for each person of the conversation or for its group.
    create function message.grams(low_id int8, high_id int8, content text) returns int8[]
    language sql immutable parallel safe as $$
      select array(
        select distinct hashtextextended(pair, owner)
        from (
          select char || lead(char) over (order by n) as pair
          from unnest(string_to_array(lower(content), null)) with ordinality as c(char, n)
        ) p, unnest(array[low_id, high_id]) owner
        where pair is not null and owner <> 0
      )
    $$;
    -- Where the person has removed the latest message for themselves: shown_id is the latest that they see, 0: none, as
    -- long as last_id is shown_for.
    alter table message.conversation add column shown_for int8 not null default 0;
    alter table message.conversation add column shown_id int8 not null default 0;
    create table message.reaction (
      low_id int8 not null,
      high_id int8 not null,
      message_id int8 not null,
      user_id int8 not null,
      emoji text not null,
      at_ms int8 not null,
      primary key (low_id, high_id, message_id, user_id, emoji)
    );
    create index reaction_of_person on message.reaction (user_id);
    create table message.reaction_count (
      low_id int8 not null,
      high_id int8 not null,
      message_id int8 not null,
      emoji text not null,
      first_ms int8 not null,
      count int4 not null,
      primary key (low_id, high_id, message_id, emoji)
    ) with (fillfactor = 70);
    -- Messages that a person has removed for themselves.
    create table message.hidden (
      user_id int8 not null,
      low_id int8 not null,
      high_id int8 not null,
      message_id int8 not null,
      primary key (user_id, low_id, high_id, message_id)
    );
    create index hidden_message on message.hidden (low_id, high_id, message_id);
  `,
  // Short lists of what is new: who sends waits for their sorting in.
  "0005-search+":
    "create index concurrently if not exists message_grams on message.message using gin (message.grams(low_id, high_id, content)) with (gin_pending_list_limit = 256)",
  "0006-notifications+": `
    -- Whom something concerned once, and up to where they have seen it.
    create table message.notified (
      user_id int8 primary key,
      -- Of the latest news; each has the next one.
      position int8 not null default 0,
      seen int8 not null default 0,
      -- The kinds that the person does not want in the list, or not pushed.
      unlisted int2[] not null default '{}',
      unpushed int2[] not null default '{}',
      -- When the person's devices were told last and up to which position, and whether something is new since then.
      told_ms int8 not null default 0,
      told int8 not null default 0,
      untold boolean not null default false,
      -- What is pushed moves it on; nothing is while it is in the future.
      push_ms int8 not null default 0
    ) with (fillfactor = 70);
    create index notified_untold on message.notified (told_ms) where untold;
    -- Everything of one kind about one thing, as one.
    create table message.notification (
      user_id int8 not null,
      -- NotificationKind in contracts/message.proto
      kind int2 not null,
      subject_id int8 not null,
      -- 0: it is about none.
      video_id int8 not null,
      position int8 not null,
      -- Of the latest fact.
      at_ms int8 not null,
      -- The people of its facts, and those whose facts are not kept any more.
      people int8 not null,
      beyond int8 not null default 0,
      -- When browsers were told last, or are next.
      pushed_ms int8 not null default 0,
      primary key (user_id, kind, subject_id)
    ) with (fillfactor = 70);
    create index notification_latest on message.notification (user_id, position);
    create index notification_video on message.notification (video_id) where video_id <> 0;
    create index notification_old on message.notification (at_ms);
    create table message.notification_fact (
      user_id int8 not null,
      kind int2 not null,
      subject_id int8 not null,
      fact_id int8 not null,
      actor_id int8 not null,
      -- The comment under which it stands, or which it is. 0: none.
      thread_id int8 not null,
      at_ms int8 not null,
      primary key (user_id, kind, subject_id, fact_id)
    );
    create index notification_fact_actor on message.notification_fact (user_id, actor_id);
    create index notification_fact_thread on message.notification_fact (thread_id) where thread_id <> 0;
    create index notification_fact_inviter on message.notification_fact (actor_id) where kind = 8;
    -- Whose acts are not told to whom.
    create table message.notification_block (
      user_id int8 not null,
      actor_id int8 not null,
      primary key (user_id, actor_id)
    );
    -- What is told of them later than that they are gone is not told; removed when no such event is left.
    create table message.notification_gone_video (
      video_id int8 primary key,
      at_ms int8 not null
    );
    create index notification_gone_video_old on message.notification_gone_video (at_ms);
    -- Browsers that asked to be told while no page is open (RFC 8030).
    create table message.push_subscription (
      user_id int8 not null,
      -- SHA-256 of the endpoint. Who knows the endpoint and the keys can show something there, so these are sealed.
      endpoint_hash text not null,
      sealed bytea not null,
      session_id int8 not null,
      language text not null,
      renewed_ms int8 not null,
      -- How often in a row its service has not taken anything, and until when it is left alone for that.
      failures int2 not null default 0,
      paused_ms int8 not null default 0,
      primary key (user_id, endpoint_hash)
    );
    create unique index push_subscription_endpoint on message.push_subscription (endpoint_hash);
    create index push_subscription_session on message.push_subscription (session_id);
    create index push_subscription_old on message.push_subscription (renewed_ms);
    -- When browsers of a person were told last, or are next, that somebody has written, and which message was the latest.
    create table message.message_push (
      user_id int8 not null,
      -- Or the group.
      peer_id int8 not null,
      pushed_ms int8 not null,
      last_id int8 not null,
      primary key (user_id, peer_id)
    ) with (fillfactor = 70);
    create index message_push_peer on message.message_push (peer_id);
    create index message_push_old on message.message_push (pushed_ms);
    -- One row: by what push services know this installation (RFC 8292). The private half is sealed.
    create table message.push_key (
      is_only boolean primary key default true check (is_only),
      public_key text not null,
      sealed bytea not null
    );
  `,
  "0007-presence+": `
    -- They show nobody whether they are here or when they were, and see it of nobody.
    alter table message.person add column hides_presence boolean not null default false;
  `,
  "0007-readers+": `
    -- When somebody was told last that others have read in a group, up to which message, and whether more is to be told.
    create table message.told_readers (
      user_id int8 not null,
      group_id int8 not null,
      told_ms int8 not null,
      read_id int8 not null,
      waits boolean not null,
      primary key (user_id, group_id)
    ) with (fillfactor = 70);
    create index told_readers_due on message.told_readers (told_ms) where waits;
    create index told_readers_old on message.told_readers (told_ms) where not waits;
  `,
  "0008-reports+": `
    create table message.report (
      reporter_id int8 not null,
      id int8 not null,
      peer_id int8 not null,
      message_id int8 not null,
      sender_id int8 not null,
      in_group boolean not null,
      reason int2 not null,
      text text not null,
      -- Then nothing but this row is kept, so that it is not reported again.
      judged boolean not null default false,
      primary key (reporter_id, id),
      unique (reporter_id, peer_id, message_id)
    );
    create index report_waiting on message.report (id) where not judged;
    create index report_sender on message.report (sender_id);
    -- Copies: what is taken back later was said nevertheless.
    create table message.report_line (
      reporter_id int8 not null,
      report_id int8 not null,
      message_id int8 not null,
      sender_id int8 not null,
      content text not null,
      picture boolean not null,
      video_id int8,
      profile_id int8,
      primary key (reporter_id, report_id, message_id),
      foreign key (reporter_id, report_id) references message.report on delete cascade
    );
    create index report_line_sender on message.report_line (sender_id);
  `,
  "0009-pictures-of-reports+": `
    -- The pictures of what was reported, whose blobs stay as long as this does. Not below report_line: what ends a report
    -- adds the jobs that remove them.
    create table message.report_picture (
      reporter_id int8 not null,
      report_id int8 not null,
      message_id int8 not null,
      key text not null,
      small_key text not null,
      width int4 not null,
      height int4 not null,
      primary key (reporter_id, report_id, message_id)
    );
    create index report_picture_report on message.report_picture (report_id);
    create index report_picture_key on message.report_picture (key);
    create index report_picture_small_key on message.report_picture (small_key);
  `,
  "0010-makers-of-links+": `
    -- Null: made by a process of an earlier version, or the account is deleted.
    alter table message.group_link add column maker_id int8;
  `,
  "0011-links-by-maker+":
    "create index concurrently if not exists group_link_maker on message.group_link (maker_id) where maker_id is not null",
  "0012-pictures-of-a-day+": `
    -- How many pictures somebody has begun to send on a day, counted from 1970 in UTC.
    create table message.pictures_sent (
      user_id int8 primary key,
      day int4 not null,
      count int4 not null
    ) with (fillfactor = 70);
  `,
  "0013-moderation+": `
    -- The act by which the moderators have recalled it.
    alter table message.message add column moderated int8;
    -- Taken down by the moderators, and the act that says so.
    alter table message.group_chat add column down boolean not null default false;
    alter table message.group_chat add column moderated int8 not null default 0;
  `,
};
