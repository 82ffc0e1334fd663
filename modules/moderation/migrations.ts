import type { Migrations } from "#platform/db/migrate.ts";

export const migrations: Migrations = {
  "0001-moderation": `
    create table moderation.act (
      subject_id int8 not null,
      id int8 not null,
      kind text not null,
      act text not null,
      actor_id int8 not null,
      owner_id int8 not null,
      video_id int8,
      reason text not null,
      note text not null,
      words text not null,
      until_ms int8,
      batch_id text not null,
      primary key (subject_id, id)
    );
    create index act_order on moderation.act (id);
    create index act_owner on moderation.act (owner_id, id);
    create index act_actor on moderation.act (actor_id, id);
    create function moderation.refuse_change() returns trigger language plpgsql as
      $$ begin raise exception 'acts of moderators are only added'; end $$;
    create trigger only_added before update or delete on moderation.act
      for each row execute function moderation.refuse_change();
    create trigger only_added_all before truncate on moderation.act
      for each statement execute function moderation.refuse_change();

    create table moderation.status (
      subject_id int8 primary key,
      kind text not null,
      owner_id int8 not null,
      video_id int8,
      reach text not null default 'full',
      reach_until_ms int8 not null default 0,
      kept boolean not null default false,
      locked_until_ms int8 not null default 0,
      muted_until_ms int8 not null default 0,
      suspended_until_ms int8 not null default 0,
      profile_reset int8 not null default 0,
      ends_ms int8,
      last_act int8 not null default 0,
      enforced int8 not null default 0,
      waiting_since int8,
      weight float8 not null default 0,
      claimed_by int8,
      claimed_until timestamptz,
      judged boolean not null default false
    ) with (fillfactor = 80);
    create index status_waiting on moderation.status (waiting_since) where waiting_since is not null;
    create index status_weight on moderation.status (weight desc, waiting_since) where waiting_since is not null;
    create index status_ends on moderation.status (ends_ms) where ends_ms is not null;
    create index status_late on moderation.status (subject_id) where enforced < last_act;
    create index status_owner on moderation.status (owner_id);
    create index status_video on moderation.status (video_id) where video_id is not null;

    create table moderation.report (
      subject_id int8 not null,
      reporter_id int8 not null,
      id int8 not null,
      reason text not null,
      words text not null,
      weight float8 not null,
      evidence_id int8,
      judged boolean not null default false,
      primary key (subject_id, reporter_id)
    );
    create index report_reporter on moderation.report (reporter_id, id);

    create table moderation.appeal (
      subject_id int8 not null,
      act_id int8 not null,
      owner_id int8 not null,
      id int8 not null,
      words text not null,
      answered boolean not null default false,
      primary key (subject_id, act_id)
    );
    create index appeal_owner on moderation.appeal (owner_id);

    create table moderation.reporter (
      user_id int8 primary key,
      upheld int4 not null default 0,
      dismissed int4 not null default 0,
      gone boolean not null default false
    );
  `,
};
