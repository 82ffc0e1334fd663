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
};
