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
      -- modules/message/timeline.ts
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
};
