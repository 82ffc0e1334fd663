import type { Migrations } from "#platform/db/migrate.ts";
import { deadJobs, fairScheduling, jobTable, jobTraces, processLease } from "#platform/jobs/job-table.ts";

export const migrations: Migrations = {
  "0001-videos": `
    create table video.upload (
      owner_id int8 not null,
      id int8 not null,
      source_key text not null,
      size_bytes int8 not null,
      -- What the probe found (MediaInfo).
      info jsonb not null,
      created_at timestamptz not null default now(),
      primary key (owner_id, id)
    );
    create index upload_created on video.upload (created_at);
    create table video.video (
      id int8 primary key,
      author_id int8 not null,
      -- The upload it was made of: publishing the same upload again is the same video.
      upload_id int8 not null,
      title text not null,
      state text not null check (state in ('uploaded', 'processing', 'published', 'failed')),
      progress real not null default 0,
      failure_reason text not null default '',
      failure_message text not null default '',
      source_key text not null,
      play_key text not null default '',
      cover_key text not null default '',
      duration_ms int not null,
      width int not null,
      height int not null,
      size_bytes int8 not null,
      info jsonb not null,
      created_at timestamptz not null default now(),
      -- The position in the public feed, in Unix milliseconds.
      published_ms int8,
      unique (author_id, upload_id)
    );
    create index video_by_author on video.video (author_id, id desc);
    create index video_published on video.video (published_ms desc, id desc) where state = 'published';
    create table video.author_stats (
      author_id int8 primary key,
      works int8 not null
    );
    -- Who uses a blob: an upload or a video. A blob without users is removed.
    create table video.blob_use (
      key text not null,
      owner_id int8 not null,
      primary key (key, owner_id)
    );
    create index blob_use_by_owner on video.blob_use (owner_id);
    ${jobTable("video")}
  `,
  "0002-holds": `
    -- By a moderator: nobody deletes it while it stands.
    alter table video.video add held boolean not null default false;
    create index video_held on video.video (author_id) where held;
  `,
  "0003-gone-authors": `
    alter table video.author_stats
      -- Their account is deleted: nothing comes in from them any more. What is left of them is this row.
      add gone boolean not null default false,
      -- The last attempt to delete it that was refused.
      add refused_closing int8 not null default 0;
  `,
  "0004-notices": `
    -- What the author is told about a published video, by reason: that its file was cut off, say.
    alter table video.video add notices text[] not null default '{}';
  `,
  "0005-turns-of-jobs": `${fairScheduling("video")}
    -- What counts as its author's room until it is published.
    create index video_unfinished on video.video (author_id) where state in ('uploaded', 'processing');
  `,
  "0006-addresses-of-uploads": `
    -- Where it came from, as long as it is not published.
    alter table video.upload add address text not null default '';
  `,
  "0007-dead-jobs": `${deadJobs("video")}`,
  "0008-traces-of-jobs": `${jobTraces("video")}`,
  "0009-lease-of-the-process": `${processLease("video")}`,
  "0010-resumable-uploads": `
    -- Files on their way in pieces.
    create table video.resumable_upload (
      owner_id int8 not null,
      id int8 not null,
      address text not null,
      size_bytes int8 not null,
      -- As of the last writer; what counts is the size of the partial file.
      received_bytes int8 not null default 0,
      partial text not null,
      begun_at timestamptz not null default now(),
      -- When more came.
      touched_at timestamptz not null default now(),
      -- The one who may append.
      writer text not null default '',
      writer_until timestamptz not null default '-infinity',
      -- Where a piece begins whose checksum was not compared yet.
      unchecked_from int8,
      primary key (owner_id, id)
    );
    create index resumable_upload_by_age on video.resumable_upload (touched_at);
  `,
  "0011-known-files": `
    -- What somebody was asked for, to prove that they have a file.
    create table video.known_file_challenge (
      owner_id int8 not null,
      challenge text not null,
      source_key text not null,
      size_bytes int8 not null,
      ranges jsonb not null,
      made_at timestamptz not null default clock_timestamp(),
      primary key (owner_id, challenge)
    );
    create index known_file_challenge_by_age on video.known_file_challenge (made_at);
  `,
  "0012-posts": `
    alter table video.video
      add description text not null default '',
      -- Whom the texts mention: ids of people by the key of their user name.
      add mentions jsonb not null default '{}',
      -- When the texts were last changed after it was published.
      add edited_at timestamptz,
      -- public, unlisted, friends or private.
      add visibility text not null default 'public',
      add download_allowed boolean not null default true;
  `,
  "0013-public-videos": `
    create index concurrently if not exists video_public on video.video (published_ms desc, id desc)
      where state = 'published' and visibility = 'public'
  `,
  "0014-renditions": `
    alter table video.video
      -- The work on its rungs after the publication: none, waiting, running, done or failed.
      add ladder text not null default 'none',
      -- How many rungs it should get.
      add ladder_rungs smallint not null default 0,
      -- What lists show of its rungs: short side, width, height, bit rate.
      add renditions jsonb not null default '[]';
    -- The rungs, each a blob of an initialization and fragments that follow one another.
    create table video.rendition (
      video_id int8 not null,
      short_side int not null,
      key text not null,
      width int not null,
      height int not null,
      codecs text not null,
      fps float8 not null,
      init_bytes int not null,
      fragment_bytes int[] not null,
      fragment_us int[] not null,
      primary key (video_id, short_side)
    );
  `,
  "0015-placeholders": `
    -- A ThumbHash of the cover, in base64.
    alter table video.video add thumb_hash text not null default '';
  `,
  "0018-drafts": `
    alter table video.video
      -- Not published when it is made: it waits for its author, or for the time that they have set.
      add draft boolean not null default false,
      add publish_at_ms int8;
    alter table video.video drop constraint video_state_check;
    alter table video.video add constraint video_state_check
      check (state in ('uploaded', 'processing', 'ready', 'published', 'failed')) not valid;
  `,
  "0021-loudness-and-storyboards": `
    alter table video.video
      -- As measured before its rungs were made: lufs, peakDb; null: not yet, or nothing to hear.
      add loudness jsonb,
      -- Small pictures in one: its key, and how they lie in it; null: none.
      add storyboard jsonb;
  `,
  "0022-covers-to-choose": `
    -- Times whose pictures would do as covers, the best first.
    alter table video.video add cover_times_ms int[] not null default '{}';
  `,
  "0024-pictures": `
    -- Of a post of pictures, which is a video without a film; of any other none.
    alter table video.video add pictures jsonb not null default '[]';
  `,
  "0028-direct-uploads": `
    -- What the store knows it by, of one that its sender puts there; empty until it is begun. Of one that comes in pieces null.
    alter table video.resumable_upload add direct text;
  `,
  "0029-what-people-keep": `
    -- The bytes of the files that somebody has uploaded, as long as they are an upload or a post that did not fail. Null: not
    -- counted yet (upload-store.ts does it when it is first needed).
    alter table video.author_stats add kept_bytes int8;
    -- The size of what was uploaded; null while it is size_bytes.
    alter table video.video add original_bytes int8;
    -- By triggers, so that processes of an earlier release count too. They wait for whoever counts first: null stays null.
    create function video.kept_of(state text, original_bytes int8, size_bytes int8) returns int8 immutable language sql as $$
      select case when state = 'failed' then 0 else coalesce(original_bytes, size_bytes) end
    $$;
    create function video.count_uploads() returns trigger language plpgsql as $$
    begin
      update video.author_stats s
        set kept_bytes = s.kept_bytes + case tg_op when 'INSERT' then c.bytes else -c.bytes end
        from (select owner_id, sum(size_bytes) as bytes from changed group by 1) c
        where s.author_id = c.owner_id;
      return null;
    end $$;
    create trigger count_added after insert on video.upload
      referencing new table as changed for each statement execute function video.count_uploads();
    create trigger count_removed after delete on video.upload
      referencing old table as changed for each statement execute function video.count_uploads();
    create function video.count_videos() returns trigger language plpgsql as $$
    begin
      update video.author_stats s
        set kept_bytes = s.kept_bytes + case tg_op when 'INSERT' then c.bytes else -c.bytes end
        from (select author_id, sum(video.kept_of(state, original_bytes, size_bytes)) as bytes from changed group by 1) c
        where s.author_id = c.author_id;
      return null;
    end $$;
    create trigger count_added after insert on video.video
      referencing new table as changed for each statement execute function video.count_videos();
    create trigger count_removed after delete on video.video
      referencing old table as changed for each statement execute function video.count_videos();
    create function video.count_change() returns trigger language plpgsql as $$
    begin
      update video.author_stats set kept_bytes = kept_bytes
        + video.kept_of(new.state, new.original_bytes, new.size_bytes)
        - video.kept_of(old.state, old.original_bytes, old.size_bytes)
        where author_id = new.author_id;
      return null;
    end $$;
    create trigger count_change after update on video.video for each row
      when (video.kept_of(new.state, new.original_bytes, new.size_bytes)
        <> video.kept_of(old.state, old.original_bytes, old.size_bytes))
      execute function video.count_change();
  `,
  "0030-steps": `
    -- Since when, how far and why: what is told of the work on what is published, and of that on its rungs (Steps).
    alter table video.video add steps jsonb not null default '{}';
    -- Files that it showed before others took their place, and until when whoever plays them may: key, untilMs.
    alter table video.video add replaced jsonb not null default '[]';
  `,
  "0031-order-by-author": `
    create index concurrently if not exists video_order_by_author
      on video.video (author_id, (coalesce(published_ms, 9223372036854775807)) desc, id desc)
  `,
  "0032-counts-in-order": `
    -- A statement over many owners locks their rows in the order of their ids, so that two of them do not deadlock.
    create or replace function video.count_uploads() returns trigger language plpgsql as $$
    begin
      perform from video.author_stats where author_id in (select owner_id from changed)
        order by author_id for no key update;
      update video.author_stats s
        set kept_bytes = s.kept_bytes + case tg_op when 'INSERT' then c.bytes else -c.bytes end
        from (select owner_id, sum(size_bytes) as bytes from changed group by 1) c
        where s.author_id = c.owner_id;
      return null;
    end $$;
    create or replace function video.count_videos() returns trigger language plpgsql as $$
    begin
      perform from video.author_stats where author_id in (select author_id from changed)
        order by author_id for no key update;
      update video.author_stats s
        set kept_bytes = s.kept_bytes + case tg_op when 'INSERT' then c.bytes else -c.bytes end
        from (select author_id, sum(video.kept_of(state, original_bytes, size_bytes)) as bytes from changed group by 1) c
        where s.author_id = c.author_id;
      return null;
    end $$;
  `,
  "0033-uploads-on-their-way": `
    create index concurrently if not exists resumable_upload_on_its_way
      on video.resumable_upload (owner_id, id) where partial <> ''
  `,
  "0034-reach+": `
    -- How far moderators let it reach: full, restricted or down. What holds then is still "visibility".
    alter table video.video add column reach text not null default 'full';
    -- What its author has chosen; null while it reaches fully, since then that holds.
    alter table video.video add column wished_visibility text;
    -- The act of the moderators that counts.
    alter table video.video add column moderated int8 not null default 0;
  `,
  "0035-within-reach": `
    -- A process of an earlier release, which knows of no reach, cannot make visible what moderators took down.
    alter table video.video add constraint video_within_reach check (
      case reach
        when 'full' then wished_visibility is null
        when 'restricted' then visibility is not distinct from
          case wished_visibility when 'public' then 'unlisted' else wished_visibility end
        when 'down' then visibility = 'private' and wished_visibility is not null
        else false
      end
    ) not valid;
  `,
};
