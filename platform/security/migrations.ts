import type { Migrations } from "../db/migrate.ts";

export const migrations: Migrations = {
  "0001-security": `
    create table security.entry (
      id int8 generated always as identity primary key,
      at timestamptz not null default now(),
      kind text not null,
      -- Whom it concerns, and who did it where that is somebody else; the operator has no id.
      user_id int8,
      actor_id int8,
      subject text not null,
      address text not null,
      device text not null,
      reason text not null,
      -- So many alike within some seconds.
      times int4 not null
    );
    create index entry_at on security.entry (at);
    create index entry_user on security.entry (user_id, id) where user_id is not null;
    create function security.refuse_change() returns trigger language plpgsql as
      $$ begin raise exception 'the security log is only added to'; end $$;
    create trigger entry_stays before update on security.entry
      for each statement execute function security.refuse_change();
  `,
};
