import { sql } from "kysely";
import type { Kysely, Queryable } from "../db/database.ts";
import { noPlaceReason } from "../errors/no-place.ts";
import type { Logger } from "../observe/log.ts";
import type { JobRow, JobTables } from "./job-table.ts";

/** What workers know of a job that they have claimed. */
export type ClaimedJob = Pick<
  JobRow,
  "id" | "kind" | "key" | "attempts" | "heavy" | "owner" | "trace_id" | "lease_owner"
>;

/** Which job a worker could run now. */
interface Wanted {
  kinds: readonly string[];
  /** Not these. */
  exceptIds: readonly string[];
  lightOnly: boolean;
  exceptOwners: readonly string[];
  /** Only one that has been due for so long. */
  dueForMs: number;
}

/** How a job ended that was not done: with an error, or because its worker stops. */
interface Failed {
  error: unknown;
  interrupted: boolean;
}

/** What decides how often a job is tried. */
export interface Attempts {
  maxAttempts: number;
  /** Errors after which a job is snoozed: tried again later, without limit, since the attempt does not count. A full disk, and files that cannot be reached, always are. */
  snoozeOn?(error: unknown): boolean;
  /** Called after an attempt has failed that another one follows, at that time. */
  onTryFailed?(key: string, error: unknown, nextTryAt: Date): Promise<void>;
  /** Called after the last attempt has failed, and again until the call succeeds. */
  onExhausted?(key: string, error: unknown): Promise<void>;
}

/** Where workers get jobs and bring them back: the table itself, or the process that has it. */
export interface JobDesk {
  claim(wanted: Wanted): Promise<ClaimedJob | undefined>;
  /** The ids of those that are still this worker's; it keeps them. */
  keep(jobs: readonly ClaimedJob[]): Promise<Set<string>>;
  /** Removes a job that is done, if it is still this worker's. */
  remove(job: ClaimedJob): Promise<void>;
  /**
   * Gives a job back, unless another worker has taken it over meanwhile: it is tried again after a pause, or was given
   * up. An interrupted attempt does not count.
   */
  giveBack(job: ClaimedJob, failed: Failed): Promise<{ delayMs: number; last: boolean }>;
}

/** The desk of a worker that is asked for its jobs by their ids. */
export interface RemoteDesk extends JobDesk {
  /** A job that is this worker's. */
  find(id: string): Promise<ClaimedJob | undefined>;
}

/** How long a job is snoozed, as a multiple of the pause. */
export const snoozePauses = 10;
/** The pause after a first failure; it grows fourfold with each, up to a minute. */
export const usualPauseMs = 1_000;
const longestPauseMs = 60_000;

/**
 * The desk of a worker that reaches the table. `owner` marks its jobs: the lease of its process, which keeps them until it
 * ends; or, with `leaseMs`, any other id: they are nobody else's until they are due again, which `keep` puts off.
 */
export function jobDesk(
  db: Kysely<JobTables>,
  {
    owner,
    leaseMs,
    kinds,
    pauseMs = usualPauseMs,
    log,
  }: {
    owner: () => Promise<string>;
    leaseMs?: number;
    kinds: Record<string, Attempts>;
    pauseMs?: number;
    log: Logger;
  },
): RemoteDesk {
  const leased = leaseMs === undefined ? {} : { run_at: sql<Date>`now() + ${leaseMs} * interval '1 ms'` };

  return {
    async claim({ kinds, exceptIds, lightOnly, exceptOwners, dueForMs }) {
      const id = await owner();
      // One that a remote worker was given and does not name: the answer was lost, so this is the same attempt.
      const lost = leaseMs ? sql<boolean>`coalesce(lease_owner = ${id}, false)` : sql<boolean>`false`;
      let due = db
        .selectFrom("job")
        .select("id")
        .where("dead", "=", false)
        .where(sql<boolean>`(${lost} or run_at <= now() - ${dueForMs} * interval '1 ms')`)
        .where(
          sql<boolean>`(lease_owner is null or lease_owner = ${id}
            or not exists (select from lease.process p where p.id = lease_owner))`,
        )
        .where("kind", "in", kinds)
        .where("id", "!=", sql<string>`all(${exceptIds}::int8[])`)
        .orderBy(sql`case when ${lost} then 0 else 1 end`)
        .orderBy(sql`coalesce(turn_at, run_at)`)
        .orderBy("id")
        .limit(1)
        .forUpdate()
        .skipLocked();
      if (lightOnly) due = due.where("heavy", "=", false);
      if (exceptOwners.length > 0)
        due = due.where((job) => job.or([job("owner", "is", null), job("owner", "not in", exceptOwners)]));
      return (
        db
          .updateTable("job")
          .set({ lease_owner: id, attempts: sql`attempts + case when ${lost} then 0 else 1 end`, ...leased })
          // As an array, because a plain subquery can run several times and lock more rows than the limit.
          .where("id", "=", sql<string>`any(array(${due}))`)
          .returningAll()
          .executeTakeFirst()
      );
    },

    async keep(jobs) {
      const id = await owner();
      const ids = jobs.map((job) => job.id);
      const kept = leaseMs
        ? db
            .updateTable("job")
            .set(leased)
            .where("id", "in", ids)
            .where("lease_owner", "=", id)
            .returning("id")
        : db.selectFrom("job").select("id").where("id", "in", ids).where("lease_owner", "=", id);
      return new Set((await kept.execute()).map((row) => row.id));
    },

    find: async (id) =>
      db
        .selectFrom("job")
        .selectAll()
        .where("id", "=", id)
        .where("lease_owner", "=", await owner())
        .executeTakeFirst(),

    remove: async (job) => {
      await deleteOwn(db, job).execute();
    },

    async giveBack(job, { error, interrupted }) {
      const kind = kinds[job.kind]!;
      const uncounted =
        interrupted || noPlaceReason(error) !== undefined || (kind.snoozeOn?.(error) ?? false);
      const last = !uncounted && job.attempts >= kind.maxAttempts;
      if (last) {
        const own = await db
          .selectFrom("job")
          .select("id")
          .where("id", "=", job.id)
          .where("lease_owner", "=", job.lease_owner)
          .executeTakeFirst();
        if (!own) return { delayMs: 0, last };
        await kind.onExhausted?.(job.key, error);
      }
      if (!interrupted)
        log.warn({ err: error, job: job.kind, key: job.key, attempt: job.attempts, last }, "job failed");
      const pauses = uncounted ? snoozePauses : 4 ** (job.attempts - 1);
      const delayMs = interrupted ? 0 : Math.min(pauseMs * pauses, longestPauseMs);
      const given = await db
        .updateTable("job")
        .set({
          lease_owner: null,
          attempts: uncounted ? job.attempts - 1 : job.attempts,
          run_at: sql`now() + ${delayMs} * interval '1 ms'`,
          ...(!interrupted && { last_error: String(error).slice(0, 2000) }),
          dead: last,
        })
        .where("id", "=", job.id)
        .where("lease_owner", "=", job.lease_owner)
        .returning("run_at")
        .executeTakeFirst();
      // People are told; the job itself is in its place already.
      if (given && !last && !interrupted)
        await kind
          .onTryFailed?.(job.key, error, given.run_at)
          .catch((failure) => log.warn({ err: failure, job: job.kind }, "could not tell of a failed try"));
      return { delayMs, last };
    },
  };
}

/** Removes a job in the transaction of its effect. Throws when another worker has taken it over. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
export async function finishJob(transaction: Queryable<any>, job: ClaimedJob): Promise<void> {
  const { numDeletedRows } = await deleteOwn(transaction, job).executeTakeFirstOrThrow();
  if (numDeletedRows === 0n) throw new Error(`job ${job.kind} ${job.key} was taken over by another worker`);
}

const deleteOwn = (on: Queryable<JobTables>, { id, lease_owner }: ClaimedJob) =>
  on.deleteFrom("job").where("id", "=", id).where("lease_owner", "=", lease_owner);
