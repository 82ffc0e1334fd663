import { randomUUID } from "node:crypto";
import { type Selectable, sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { dropPicture, lockPicture, removeUnlessSet } from "./picture-store.ts";
import type { Tables } from "./tables.ts";

const dayMs = 24 * 3_600_000;
/** Where a file is kept for so long, whoever wants it has loaded it. */
export const keptMs = 7 * dayMs;
const heldMs = 60_000;
const maxAttempts = 3;

export type ExportRow = Selectable<Tables["export"]>;

interface TakenExport {
  user_id: string;
  ticket: string;
  username: string;
  name: string;
}

/** The SQL of exports of people's data: one of each person. */
export function exportStore(db: Kysely<Tables>) {
  const held = (userId: string, ticket: string) =>
    db
      .updateTable("export")
      .where("user_id", "=", userId)
      .where("ticket", "=", ticket)
      .where("state", "=", "waiting");
  return {
    async find(userId: string): Promise<ExportRow | undefined> {
      return db
        .selectFrom("export")
        .innerJoin("account", "account.id", "export.user_id")
        .selectAll("export")
        .where("user_id", "=", userId)
        .where("account.state", "=", "open")
        .where((is) =>
          is.or([is("ready_at", "is", null), is("ready_at", ">", new Date(Date.now() - keptMs))]),
        )
        .executeTakeFirst();
    },
    /** The one that waits, or a new one. Errors: EXPORT_TOO_SOON, USER_NOT_FOUND. */
    async ask(userId: string, jobs: Jobs): Promise<ExportRow> {
      return inTransaction(db, async (transaction) => {
        const account = await transaction
          .selectFrom("account")
          .select("id")
          .where("id", "=", userId)
          .where("state", "=", "open")
          .forShare()
          .executeTakeFirst();
        if (!account) throw refusal("USER_NOT_FOUND");
        const before = await transaction
          .selectFrom("export")
          .selectAll()
          .where("user_id", "=", userId)
          .forUpdate()
          .executeTakeFirst();
        if (before?.state === "waiting") return before;
        if (before?.state === "ready" && before.asked_at.getTime() > Date.now() - dayMs)
          throw refusal("EXPORT_TOO_SOON");
        const { rows } = await sql<ExportRow>`
          insert into "user".export as e (user_id) values (${userId})
          on conflict (user_id) do update set asked_at = now(), state = 'waiting', ticket = null,
            held_until = '-infinity', attempts = 0, done = 0, total = 0, blob_key = '', size_bytes = 0, ready_at = null
          where e.state <> 'waiting'
          returning *`.execute(transaction);
        if (before?.blob_key) await dropPicture(transaction, jobs, before.blob_key);
        return rows[0] ?? (await this.find(userId))!;
      });
    },
    /** The one that has waited longest and that nobody makes. */
    async take(): Promise<TakenExport | undefined> {
      const { rows } = await sql<TakenExport & { state: ExportRow["state"] }>`
        update "user".export e set ticket = ${randomUUID()}, attempts = e.attempts + 1, done = 0, total = 0,
          held_until = now() + ${heldMs} * interval '1 ms',
          state = case when e.attempts < ${maxAttempts} then 'waiting' else 'failed' end
        from "user".account a
        where a.id = e.user_id and e.user_id = (
          select user_id from "user".export where state = 'waiting' and held_until < now()
          order by asked_at limit 1 for update skip locked
        ) returning e.user_id, e.ticket, e.state, a.username, a.name`.execute(db);
      // Each that made it died: the next one in its place.
      return rows[0]?.state === "failed" ? this.take() : rows[0];
    },
    async keep(userId: string, ticket: string, done: number, total: number): Promise<boolean> {
      const { numUpdatedRows } = await held(userId, ticket)
        .set({ done, total, held_until: new Date(Date.now() + heldMs) })
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    /** Its blob is in its place. Whoever has it no more has the blob removed again, by the job of `removeUnlessSet`. */
    async finish(userId: string, ticket: string, key: string, sizeBytes: number): Promise<void> {
      await inTransaction(db, async (transaction) => {
        await lockPicture(transaction, key);
        await transaction
          .updateTable("export")
          .set({
            state: "ready",
            ready_at: new Date(),
            blob_key: key,
            size_bytes: String(sizeBytes),
            ticket: null,
          })
          .where("user_id", "=", userId)
          .where("ticket", "=", ticket)
          .where("state", "=", "waiting")
          .execute();
      });
    },
    /** It is made again after a while, or was tried often enough. */
    async giveUp(userId: string, ticket: string): Promise<void> {
      await held(userId, ticket)
        .set({
          ticket: null,
          held_until: new Date(Date.now() + heldMs),
          state: sql`case when attempts < ${maxAttempts} then 'waiting' else 'failed' end`,
        })
        .execute();
    },
    removeUnlessSet: (key: string, jobs: Jobs) => removeUnlessSet(db, jobs, key),
    /** Some at a time, each with its file. */
    async expire(jobs: Jobs): Promise<void> {
      await inTransaction(db, async (transaction) => {
        const rows = await transaction
          .deleteFrom("export")
          .where("ready_at", "<", new Date(Date.now() - keptMs))
          .returning("blob_key")
          .execute();
        for (const { blob_key } of rows) await dropPicture(transaction, jobs, blob_key);
      });
    },
  };
}

export type ExportStore = ReturnType<typeof exportStore>;

/** With the account. */
export async function dropExport(on: Transaction<Tables>, userId: string, jobs: Jobs): Promise<void> {
  const gone = await on
    .deleteFrom("export")
    .where("user_id", "=", userId)
    .returning("blob_key")
    .executeTakeFirst();
  if (gone?.blob_key) await dropPicture(on, jobs, gone.blob_key);
}
