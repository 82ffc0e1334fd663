import type { Migrations } from "#platform/db/migrate.ts";
import { wholeJobTable } from "#platform/jobs/job-table.ts";

export const migrations: Migrations = {
  "0001-reactions-and-comments": `
    -- What there is about a video. Whoever changes a reaction or a comment holds its row, so everything about one
    -- video happens in one order. A row is never deleted: of a removed video it says that nothing may come any more.
    create table interaction.video (
      video_id int8 primary key,
      author_id int8 not null,
      likes int8 not null default 0,
      dislikes int8 not null default 0,
      -- Replies included.
      comments int8 not null default 0,
      -- The last numbers given: to any comment, and to one that is no reply.
      last_sequence int8 not null default 0,
      last_floor int8 not null default 0,
      closed boolean not null default false,
      pinned_id int8,
      removed boolean not null default false
    ) with (fillfactor = 70);
    create table interaction.person (
      user_id int8 primary key,
      likes_received int8 not null default 0,
      likes_given int8 not null default 0
    ) with (fillfactor = 70);
    create table interaction.reaction (
      video_id int8 not null,
      user_id int8 not null,
      -- 1: likes, -1: dislikes.
      reaction int2 not null check (reaction in (1, -1)),
      -- In the order of time; what the list of liked videos is paged by.
      id int8 not null,
      primary key (video_id, user_id)
    );
    create index reaction_liked on interaction.reaction (user_id, id) include (video_id) where reaction = 1;
    create table interaction.comment (
      video_id int8 not null,
      id int8 not null,
      author_id int8 not null,
      -- The comment that this is a reply to.
      root_id int8,
      -- Whose reply it answers.
      reply_to_user_id int8,
      text text not null,
      -- In the order of commits within the video, replies included.
      sequence int8 not null,
      floor int8 not null,
      replies int8 not null default 0,
      last_reply_floor int8 not null default 0,
      idempotency_key text,
      primary key (video_id, id)
    );
    create unique index comment_sequence on interaction.comment (video_id, sequence);
    create unique index comment_floor on interaction.comment (video_id, floor) where root_id is null;
    create index comment_heat on interaction.comment (video_id, replies, floor) where root_id is null;
    create unique index comment_replies on interaction.comment (video_id, root_id, floor) where root_id is not null;
    create unique index comment_key on interaction.comment (video_id, author_id, idempotency_key)
      where idempotency_key is not null;
  `,
  "0002-forgotten-authors": `
    -- Of a video that is gone only its id is kept.
    update interaction.video set author_id = 0 where removed and likes = 0 and dislikes = 0 and comments = 0;
  `,
  "0003-comments-by-author": `
    create index comment_author on interaction.comment (author_id, id);
  `,
  "0004-gone-people": `
    -- Their account is deleted: no reaction or comment comes from them any more. What is left of them is this row.
    alter table interaction.person add gone boolean not null default false;
    create index reaction_disliked on interaction.reaction (user_id, id) include (video_id) where reaction = -1;
    create index comment_answered on interaction.comment (reply_to_user_id) where reply_to_user_id is not null;
  `,
  "0005-reports": `
    -- Comments that people have told the moderators of. A row goes with its comment; one that a moderator has let stand
    -- stays to say so.
    create table interaction.reported (
      video_id int8 not null,
      comment_id int8 not null,
      -- The id of the first report: the place in the queue.
      position int8 not null,
      judged boolean not null default false,
      primary key (video_id, comment_id)
    );
    create index reported_queue on interaction.reported (position) where not judged;
    create table interaction.report (
      video_id int8 not null,
      comment_id int8 not null,
      reporter_id int8 not null,
      id int8 not null,
      -- 1: spam, 2: abuse, 3: other.
      reason int2 not null check (reason in (1, 2, 3)),
      text text not null,
      primary key (video_id, comment_id, reporter_id),
      foreign key (video_id, comment_id) references interaction.reported on delete cascade
    );
    create index report_reporter on interaction.report (reporter_id, id);
  `,
  "0006-bookmarks": `
    -- Who keeps which video to find it again.
    create table interaction.bookmark (
      video_id int8 not null,
      user_id int8 not null,
      -- In the order of time.
      id int8 not null,
      primary key (video_id, user_id)
    );
    create index bookmark_kept on interaction.bookmark (user_id, id) include (video_id);
    alter table interaction.video add bookmarks int8 not null default 0;
  `,
  "0007-shares": `
    -- On which days somebody gave away a link to a video; each has a code of its own.
    create table interaction.share (
      video_id int8 not null,
      user_id int8 not null,
      -- In UTC.
      day date not null,
      code text not null unique,
      primary key (video_id, user_id, day)
    );
    create index share_given on interaction.share (user_id);
    alter table interaction.video add shares int8 not null default 0;
  `,
  "0008-reposts": `
    -- Who shows which video of somebody else on their own profile.
    create table interaction.repost (
      video_id int8 not null,
      user_id int8 not null,
      -- In the order of time.
      id int8 not null,
      primary key (video_id, user_id)
    );
    create index repost_shown on interaction.repost (user_id, id) include (video_id);
    alter table interaction.video add reposts int8 not null default 0;
  `,
  "0009-times-of-shares": `
    -- In Unix milliseconds; of older shares only the day is known.
    alter table interaction.share add at_ms int8;
  `,
  "0010-shares-by-time":
    "create index concurrently if not exists share_when on interaction.share (video_id, (coalesce(at_ms, (day - date '1970-01-01') * 86400000::int8)))",
  "0011-downloads": `
    -- On which days somebody saved the film of a video.
    create table interaction.download (
      video_id int8 not null,
      -- 0: a guest.
      user_id int8 not null,
      -- In UTC.
      day date not null,
      -- Which guest: a keyed hash that is another for each video and day. Empty for people.
      guest text not null,
      at_ms int8 not null,
      primary key (video_id, user_id, guest, day)
    );
    create index download_when on interaction.download (video_id, at_ms);
    create index download_given on interaction.download (user_id) where user_id <> 0;
    alter table interaction.video add downloads int8 not null default 0;
  `,
  "0012-rankings": `
    -- A read model of events: numbers of each list by the bucket of time, and their totals.
    create table interaction.ranking_bucket (
      video_id int8 not null,
      -- "shared 24h"
      list text not null,
      -- Since 1970, in the length of the list's buckets.
      bucket int8 not null,
      n int8 not null,
      primary key (video_id, list, bucket)
    );
    create index ranking_bucket_expiry on interaction.ranking_bucket (list, bucket);
    create table interaction.ranking_total (
      video_id int8 not null,
      list text not null,
      n int8 not null,
      primary key (video_id, list)
    ) with (fillfactor = 70);
    create index ranking_total_top on interaction.ranking_total (list, n desc, video_id desc);
    ${wholeJobTable("interaction")}
    -- What was shared before is ranked too.
    insert into interaction.job (kind, key) values ('rebuild', 'rankings');
  `,
  "0013-shared-pictures": `
    -- The codes of single pictures of a post that somebody shared on a day. They count as, and go with, that share.
    create table interaction.shared_picture (
      video_id int8 not null,
      user_id int8 not null,
      day date not null,
      -- From 1.
      picture int2 not null,
      code text not null unique,
      primary key (video_id, user_id, day, picture),
      foreign key (video_id, user_id, day) references interaction.share on delete cascade
    );
  `,
  "0014-moderation+": `
    -- Taken down by the moderators, and the act that says so.
    alter table interaction.comment add column down boolean not null default false;
    alter table interaction.comment add column moderated int8 not null default 0;
    -- The same of all comments of a video: nobody adds any, whatever its author wishes.
    alter table interaction.video add column locked boolean not null default false;
    alter table interaction.video add column moderated int8 not null default 0;
  `,
  "0015-comments-by-id+": "create index concurrently if not exists comment_id on interaction.comment (id)",
};
