/**
 * Durable jobs, in the schema of the module that owns them. So a job is added in the transaction of the fact that
 * requires it, and removed in the transaction of its effect. A worker marks a job with the lease of its process. When the
 * process dies, another takes the job over once that lease has ended.
 */
export const jobTable = (schema: string) => `
  create table ${schema}.job (
    id int8 generated always as identity primary key,
    kind text not null,
    -- What the job is about; one job per kind and key.
    key text not null,
    run_at timestamptz not null default now(),
    attempts int not null default 0,
    lease_owner uuid,
    leased_until timestamptz not null default '-infinity',
    last_error text,
    -- Given up: nobody takes it again until an operator does.
    dead boolean not null default false,
    created_at timestamptz not null default now(),
    unique (kind, key)
  );
  create index job_due on ${schema}.job (run_at) where not dead;
`;

/** Columns for fair scheduling: a job's owner, its place in the order, and whether it takes long. Comes after the table. */
export const fairScheduling = (schema: string) => `
  alter table ${schema}.job
    add owner text,
    -- Null: when it is due.
    add turn_at timestamptz,
    add heavy boolean not null default false;
  create index job_by_owner on ${schema}.job (owner) where owner is not null;
`;

/** An index of dead jobs, so that finding them does not read the others. Comes after the table. */
export const deadJobs = (schema: string) => `
  create index job_dead on ${schema}.job (kind) where dead;
`;

/** The trace to which a job belongs. Comes after the table. */
export const jobTraces = (schema: string) => `
  alter table ${schema}.job add trace_id text;
`;

/** Takes away the lease that each job had of its own: `lease_owner` is a process in lease.process. Comes after the table. */
export const processLease = (schema: string) => `
  alter table ${schema}.job drop column leased_until;
`;

/** All of it, for a module that has no jobs yet. Once a migration with it has landed, later changes get a fragment of their own. */
export const wholeJobTable = (schema: string) =>
  [jobTable, fairScheduling, deadJobs, jobTraces, processLease].map((part) => part(schema)).join("\n");

export interface JobRow {
  id: string;
  kind: string;
  key: string;
  run_at: Date;
  attempts: number;
  lease_owner: string | null;
  last_error: string | null;
  dead: boolean;
  created_at: Date;
  trace_id: string | null;
  owner: string | null;
  turn_at: Date | null;
  heavy: boolean;
}

/** For the `Tables` of a module that has jobs: `interface Tables extends JobTables`. */
export interface JobTables {
  job: JobRow;
}
