import type { Migrations } from "../db/migrate.ts";

export const migrations: Migrations = {
  "0001-process": `
    -- The processes that are alive. One whose lease has expired is dead once somebody has removed its row.
    create table lease.process (
      id uuid primary key,
      expires_at timestamptz not null
    ) with (fillfactor = 50);
  `,
  "0002-installation": `
    create table lease.installation (
      id uuid not null default gen_random_uuid(),
      single boolean primary key default true check (single)
    );
    insert into lease.installation default values;
  `,
  "0003-processes-before-splits": `
    -- Processes of versions that take 16 for the number of partitions of the event log leave it out.
    alter table lease.process add column knows_splits boolean not null default false;
  `,
};
