import type { Migrations } from "#platform/db/migrate.ts";
import { wholeJobTable } from "#platform/jobs/job-table.ts";
import { rankingTables } from "#platform/ranking/ranking-tables.ts";

/** What is counted, in each span of time and in all. */
const figures = `
      video_id int8 not null,
      start_ms int8 not null,
      -- Watchers of a video are spread over parts, so that a hot one is not a single row.
      part int2 not null,
      author_id int8 not null,
      views int8 not null default 0,
      -- Of people and guests, each once a day: with their first view of it.
      viewers int8 not null default 0,
      plays int8 not null default 0,
      own_plays int8 not null default 0,
      watch_ms int8 not null default 0,
      completions int8 not null default 0,
      skips int8 not null default 0,
      loops int8 not null default 0,
      likes int8 not null default 0,
      comments int8 not null default 0,
      shares int8 not null default 0,
      primary key (video_id, start_ms, part)`;

export const migrations: Migrations = {
  "0001-playback": `
    -- What players told, as it was accepted. Partitions by the hour in which a session began; made as they are needed.
    create table playback.raw (
      started_ms int8 not null,
      video_id int8 not null,
      -- Person or guest: a keyed hash that is another one each day.
      viewer int8 not null,
      session int8 not null,
      part int2 not null,
      -- Numbers count up within a lane, in the order of commits.
      lane int8 not null,
      seq int8 not null,
      author_id int8 not null,
      own boolean not null,
      -- 0: a post of pictures.
      duration_ms int4 not null,
      source int2 not null,
      position_ms int4 not null,
      watched_ms int4 not null,
      loops int4 not null,
      ended boolean not null,
      received_ms int8 not null
    ) partition by range (started_ms);
    create index raw_order on playback.raw (part, lane, seq);
    -- Where each person is in what they watch, until it is in the history. Partitions by the hour in which it came.
    create table playback.position (
      user_id int8 not null,
      video_id int8 not null,
      part int2 not null,
      lane int8 not null,
      seq int8 not null,
      at_ms int8 not null,
      received_ms int8 not null,
      position_ms int4 not null,
      picture int2 not null,
      ended boolean not null
    ) partition by range (received_ms);
    create index position_order on playback.position (part, lane, seq);
    create index position_user on playback.position (user_id, received_ms);
    -- A process appends to a lane of its own, one batch after the other, so that whoever reads to its end skips nothing.
    create table playback.lane (
      lane int8 primary key,
      seq int8 not null,
      at_ms int8 not null
    );
    -- How far a lane has been read.
    create table playback.lane_offset (
      reader text not null,
      part int2 not null,
      lane int8 not null,
      seq int8 not null,
      primary key (reader, part, lane)
    );
    -- Held by whoever reads a part.
    create table playback.part (
      reader text not null,
      part int2 not null,
      primary key (reader, part)
    );
    insert into playback.part select reader, part from unnest(array['plays', 'history']) reader, generate_series(0, 3) part;

    -- Hours of \`raw\` in which no session can be told of any more, and all was counted. Those in which nothing was told
    -- have no row: they are closed with the next one that has.
    create table playback.closed_hour (
      start_ms int8 primary key,
      closed_ms int8 not null,
      -- When it was counted anew in another way, and of how many videos the numbers differed.
      recounted_ms int8,
      differences int8,
      -- The file in which its rows are, its hash is in the key, and how many they are; dropped from here at that time.
      blob_key text,
      rows int8,
      archived_ms int8,
      dropped_ms int8
    );
    -- What there is of these tables begins then; it is the start of a day (UTC).
    create table playback.kept (
      name text primary key,
      since_ms int8 not null default 0
    );
    insert into playback.kept select unnest(array['raw', 'session', 'minute', 'hour']);
    -- A day is counted to its end as it was begun, whatever is set meanwhile.
    create table playback.day_rule (
      start_ms int8 primary key,
      views_per_viewer int4 not null
    );

    -- Sessions of the last days. Partitions by the day in which they began.
    create table playback.session (
      video_id int8 not null,
      viewer int8 not null,
      started_ms int8 not null,
      session int8 not null,
      author_id int8 not null,
      own boolean not null,
      duration_ms int4 not null,
      source int2 not null,
      watched_ms int4 not null,
      furthest_ms int4 not null,
      loops int4 not null,
      ended boolean not null,
      primary key (video_id, viewer, started_ms, session)
    ) partition by range (started_ms);

    create table playback.minute (${figures}
    ) partition by range (start_ms);
    create index minute_author on playback.minute (author_id, start_ms);
    create table playback.hour (${figures}
    ) partition by range (start_ms);
    create index hour_author on playback.hour (author_id, start_ms);
    create table playback.day (${figures}
    ) with (fillfactor = 70);
    create index day_author on playback.day (author_id, start_ms);
    -- Of all time: 0 is the start.
    create table playback.total (${figures}
    ) with (fillfactor = 70);
    create table playback.source_day (
      video_id int8 not null,
      start_ms int8 not null,
      source int2 not null,
      part int2 not null,
      author_id int8 not null,
      views int8 not null,
      primary key (video_id, start_ms, source, part)
    );
    create index source_day_author on playback.source_day (author_id, start_ms);
    -- How many plays got to 0 %, 1 %, … 100 % of a video, and no further.
    create table playback.retention (
      video_id int8 not null,
      part int2 not null,
      reached int8[] not null,
      primary key (video_id, part)
    ) with (fillfactor = 70);
    -- The part of \`retention\` that is of what has been dropped from \`raw\`.
    create table playback.retention_before (
      video_id int8 not null,
      part int2 not null,
      reached int8[] not null,
      primary key (video_id, part)
    );
    -- Won and lost, by spans of a minute, an hour and a day; of minutes and hours only what is shown.
    create table playback.followers (
      author_id int8 not null,
      span_ms int8 not null,
      start_ms int8 not null,
      followers int8 not null,
      primary key (author_id, span_ms, start_ms)
    ) with (fillfactor = 70);
    -- Deleted: nothing of them is counted any more.
    create table playback.gone_video (
      video_id int8 primary key
    );

    create table playback.history (
      user_id int8 not null,
      video_id int8 not null,
      at_ms int8 not null,
      position_ms int4 not null,
      picture int2 not null,
      ended boolean not null,
      -- Removed by the person: it only says that what is older stays away.
      removed boolean not null default false,
      primary key (user_id, video_id)
    ) with (fillfactor = 70);
    create index history_latest on playback.history (user_id, at_ms desc, video_id desc) where not removed;
    create index history_video on playback.history (video_id, user_id);
    create table playback.person (
      user_id int8 primary key,
      paused boolean not null default false,
      -- What was watched until then is in no history.
      cleared_ms int8 not null default 0,
      -- In their time zone: the last day on which they were told that it was the first time.
      watched_on date,
      gone boolean not null default false
    ) with (fillfactor = 70);

    ${rankingTables("playback", "video_id")}
    -- Likes and shares of the last 24 hours.
    create table playback.hot_act (
      video_id int8 not null,
      user_id int8 not null,
      -- 1: likes, 2: shares.
      kind int2 not null,
      at_ms int8 not null,
      primary key (video_id, user_id, kind, at_ms)
    );
    create index hot_act_expiry on playback.hot_act (at_ms);
    ${wholeJobTable("playback")}
  `,
};
