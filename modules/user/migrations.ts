import type { Migrations } from "#platform/db/migrate.ts";
import { wholeJobTable } from "#platform/jobs/job-table.ts";

export const migrations: Migrations = {
  "0001-accounts": `
    create table "user".account (
      id int8 primary key,
      username text not null,
      -- The username as it is compared: without regard to case and Unicode form.
      name_key text not null unique,
      password_hash text not null,
      name text not null,
      signature text not null default '',
      avatar_key text not null default '',
      background_key text not null default '',
      created_at timestamptz not null default now()
    );
    create index account_avatar on "user".account (avatar_key) where avatar_key <> '';
    create index account_background on "user".account (background_key) where background_key <> '';
    create table "user".session (
      user_id int8 not null,
      id int8 not null,
      classic boolean not null,
      refresh_hash bytea,
      -- The refresh token before the last one: whoever shows it again has copied it.
      previous_refresh_hash bytea,
      rotated_at timestamptz not null default now(),
      user_agent text not null,
      created_at timestamptz not null default now(),
      last_used_at timestamptz not null default now(),
      expires_at timestamptz not null,
      primary key (user_id, id)
    );
    create table "user".signing_key (
      kid text primary key,
      private_jwk jsonb not null,
      public_jwk jsonb not null,
      created_at timestamptz not null default now()
    );
  `,
  "0002-moderators": `
    alter table "user".account add role text not null default 'member' check (role in ('member', 'moderator'));
    create index account_moderator on "user".account (id) where role = 'moderator';
  `,
  "0003-closing": `
    alter table "user".account
      -- Of one that is erased nothing is left but its id.
      add state text not null default 'open' check (state in ('open', 'closing', 'erased')),
      -- The attempt under way.
      add closing_id int8,
      add closing_refused text not null default '',
      alter name_key drop not null;
  `,
  "0004-session-epoch": `
    -- Raised when all sessions end, so that a login that was under way then opens none.
    alter table "user".account add session_epoch int4 not null default 0;
  `,
  "0005-password-at": `
    -- When the password was last given in this session: it ends some time after that, however often it is refreshed.
    alter table "user".session add password_at timestamptz not null default now();
    update "user".session set password_at = created_at,
      expires_at = least(expires_at, created_at + interval '180 days');
  `,
  "0006-guesses": `
    -- Wrong passwords from where nobody is known, so that a restart forgets none.
    create table "user".guesses (
      user_id int8 primary key,
      level float8 not null,
      at timestamptz not null
    );
    -- SHA-256 of what somebody who has logged in is known by: their browser's secret, their address.
    create table "user".known_device (
      user_id int8 not null,
      mark bytea not null,
      seen_at timestamptz not null default now(),
      primary key (user_id, mark)
    );
  `,
  "0007-sealed-keys": `
    alter table "user".signing_key
      -- The private half, encrypted. In the clear it is only in rows of before, until the next start.
      add sealed bytea,
      alter private_jwk drop not null;
  `,
  "0008-key-rotation": `
    alter table "user".signing_key
      -- Published before: whoever verifies knows it by then.
      add signs_from timestamptz,
      -- An operator wants another one to follow it.
      add rotate_asked_at timestamptz;
    update "user".signing_key set signs_from = created_at;
    alter table "user".signing_key
      alter signs_from set default now(),
      alter signs_from set not null;
  `,
  "0009-jobs": wholeJobTable('"user"'),
  "0010-standing+": `
    -- The act of the moderators that counts, and what follows from it; times in Unix milliseconds.
    alter table "user".account add column moderated int8 not null default 0;
    alter table "user".account add column muted_until_ms int8 not null default 0;
    alter table "user".account add column suspended_until_ms int8 not null default 0;
    alter table "user".account add column profile_reset int8 not null default 0;
  `,
  "0011-exports+": `
    -- All of a person's data as one file, made when they ask for it.
    create table "user".export (
      user_id int8 primary key,
      asked_at timestamptz not null default now(),
      state text not null default 'waiting' check (state in ('waiting', 'ready', 'failed')),
      -- Who makes it has this, and keeps it until then.
      ticket uuid,
      held_until timestamptz not null default '-infinity',
      attempts int2 not null default 0,
      -- Files written, of how many.
      done int4 not null default 0,
      total int4 not null default 0,
      blob_key text not null default '',
      size_bytes int8 not null default 0,
      ready_at timestamptz
    );
    create index export_waiting on "user".export (asked_at) where state = 'waiting';
    create index export_ready on "user".export (ready_at) where ready_at is not null;
    create index export_blob on "user".export (blob_key) where blob_key <> '';
  `,
};
