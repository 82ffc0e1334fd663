import type { Migrations } from "#platform/db/migrate.ts";
import { deadJobs, fairScheduling, jobTable, jobTraces, processLease } from "#platform/jobs/job-table.ts";

export const migrations: Migrations = {
  "0001-follows": `
    create table relation.follow (
      follower_id int8 not null,
      followee_id int8 not null,
      -- In the order of time; what lists are paged by.
      id int8 not null,
      primary key (follower_id, followee_id)
    );
    create index follow_following on relation.follow (follower_id, id desc) include (followee_id);
    create index follow_followers on relation.follow (followee_id, id desc) include (follower_id);
    create table relation.stats (
      user_id int8 primary key,
      following int8 not null default 0,
      followers int8 not null default 0
    );
  `,
  "0002-blocks": `
    create table relation.block (
      blocker_id int8 not null,
      blocked_id int8 not null,
      -- In the order of time; what the list is paged by.
      id int8 not null,
      primary key (blocker_id, blocked_id)
    );
    create index block_listed on relation.block (blocker_id, id desc) include (blocked_id);
    create index block_of on relation.block (blocked_id);
  `,
  "0003-hot-users": `
    -- A read model of events: follows of the last 24 hours by the id that tells their time, and how many each has won.
    create table relation.hot_follow (
      follow_id int8 primary key,
      user_id int8 not null
    );
    create table relation.hot_user (
      user_id int8 primary key,
      won int8 not null
    ) with (fillfactor = 70);
    create index hot_user_top on relation.hot_user (won desc, user_id);
    ${jobTable("relation")}
  `,
  "0004-gone-people": `
    -- Their account is deleted: nobody follows or blocks them any more, nor they anybody. What is left is this row.
    alter table relation.stats add gone boolean not null default false;
  `,
  "0005-recent-follows": `
    -- Of a few pages: follows lie almost in the order of their ids, and the ranking is built anew from the last ones.
    create index follow_recent on relation.follow using brin (id) with (pages_per_range = 32);
  `,
  "0006-turns-of-jobs": `${fairScheduling("relation")}`,
  "0007-dead-jobs": `${deadJobs("relation")}`,
  "0008-traces-of-jobs": `${jobTraces("relation")}`,
  "0009-lease-of-the-process": `${processLease("relation")}`,
};
