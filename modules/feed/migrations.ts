import type { Migrations } from "#platform/db/migrate.ts";
import { jobTable } from "#platform/jobs/job-table.ts";

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
};
