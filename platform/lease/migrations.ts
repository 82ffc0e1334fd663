import type { Migrations } from "../db/migrate.ts";

export const migrations: Migrations = {
  "0001-process": `
    -- The processes that are alive. One whose lease has expired is dead once somebody has removed its row.
    create table lease.process (
      id uuid primary key,
      expires_at timestamptz not null
    ) with (fillfactor = 50);
  `,
};
