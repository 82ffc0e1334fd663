import type { Migrations } from "#platform/db/migrate.ts";
import { deadJobs, fairScheduling, jobTable, jobTraces, processLease } from "#platform/jobs/job-table.ts";

export const migrations: Migrations = {
  "0001-inboxes": `
    -- What was published, by author: what a new follower gets, and what is pulled.
    create table feed.author_video (
      author_id int8 not null,
      published_ms int8 not null,
      video_id int8 not null,
      -- Delivered to the followers' inboxes; otherwise they pull it when they read.
      pushed boolean not null,
      primary key (author_id, published_ms, video_id)
    );
    create table feed.author (
      author_id int8 primary key,
      -- Too many followers to deliver to, the last time something was published.
      large boolean not null,
      -- Has videos that were not delivered.
      pulled boolean not null
    );
    create index author_pulled on feed.author (author_id) where pulled;
    create table feed.inbox (
      user_id int8 not null,
      published_ms int8 not null,
      video_id int8 not null,
      author_id int8 not null,
      primary key (user_id, published_ms, video_id)
    );
    -- Who has an inbox: people who have read theirs in the last month.
    create table feed.reader (
      user_id int8 primary key,
      last_read_at timestamptz not null default now(),
      -- Must be filled from the facts before it is read: new, or something old may be missing.
      stale boolean not null default true,
      -- Older entries were cut off.
      trimmed boolean not null default false
    );
    -- Deliveries to more followers than one transaction serves, and how far they are.
    create table feed.delivery (
      video_id int8 primary key,
      author_id int8 not null,
      published_ms int8 not null,
      -- The follow before which to go on.
      before_follow int8 not null
    );
    ${jobTable("feed")}
  `,
  "0002-sources-and-rebuilding": `
    alter table feed.reader
      -- Follows more people than deliver to one inbox: only those in feed.source do.
      add column capped boolean not null default false,
      -- Goes up with what a filling that is under way cannot have seen.
      add column generation int4 not null default 0;
    -- Who delivers to whom, of readers who are capped, and of others while their inbox is being filled.
    create table feed.source (
      user_id int8 not null,
      author_id int8 not null,
      primary key (user_id, author_id)
    );
    -- How far a read model is that is being built anew, while it is.
    create table feed.rebuild (
      name text primary key,
      -- Videos: all that were published at this place or later are done.
      before_ms int8,
      before_id int8,
      -- Inboxes: those of people up to this one are done; absent until all videos are.
      user_id int8,
      done int8 not null default 0,
      total int8 not null default 0
    );
  `,
  "0003-gone-readers": `
    -- Their account is deleted: no inbox is opened for them any more, and nothing noted of what they published.
    alter table feed.reader add gone boolean not null default false;
  `,
  "0003-steps-of-rebuilding": `
    drop table feed.rebuild;
    -- How far a read model is that is being built anew, while it is: the step, and the place up to which it is done.
    create table feed.rebuild (
      name text primary key,
      step text not null,
      place int8[] not null default '{}',
      done int8 not null default 0
    );
  `,
  "0004-fillings": `
    -- When the filling that is under way was begun.
    alter table feed.reader add opened_at timestamptz;
  `,
  "0005-nothing-pulled": `
    -- Which was noted of authors for ever, once it was true.
    update feed.author a set pulled = false
    where pulled and not exists (select from feed.author_video v where v.author_id = a.author_id and not v.pushed);
  `,
  "0006-turns-of-jobs": `${fairScheduling("feed")}`,
  "0007-pulls": `
    -- Goes up when an author publishes for the first time without delivering; in the order of commits, by its lock.
    create table feed.pull_clock (
      one boolean primary key default true check (one),
      value int8 not null
    );
    alter table feed.author add column pull_number int8;
    update feed.author a set pull_number = 1
    where pulled or exists (select from feed.author_video v where v.author_id = a.author_id and not v.pushed);
    insert into feed.pull_clock (value) values (1);
    create index author_pull on feed.author (pull_number) where pull_number is not null;
    drop index feed.author_pulled;
    alter table feed.author drop column pulled;
    -- Authors with a number whom a reader follows, or did a moment ago.
    create table feed.pull (
      user_id int8 not null,
      author_id int8 not null,
      primary key (user_id, author_id)
    );
    -- Authors up to this number are in feed.pull where the reader follows them.
    alter table feed.reader add column pulls_seen int8 not null default 0;
  `,
  "0007-dead-jobs": `${deadJobs("feed")}`,
  "0008-traces-of-jobs": `${jobTraces("feed")}`,
  "0009-lease-of-the-process": `${processLease("feed")}`,
  "0010-for-friends": `
    -- Shown only to those followers whom the author follows back.
    alter table feed.author_video add friends boolean not null default false;
  `,
};
