import { type Selectable, sql } from "kysely";
import { profileChanged } from "#contracts/events.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Guesses } from "#platform/protect/guess-limit.ts";
import {
  dropPicture,
  lockPicture,
  removePictureKind,
  removeUnlessSet,
  removeUnused,
} from "./picture-store.ts";
import { type Proven, stillProven, whyUnproven } from "./proven.ts";
import { endSessionsOf, type NewSession, sessionRow } from "./session-store.ts";
import type { Tables } from "./tables.ts";

export type Account = Selectable<Tables["account"]>;

/** An account that somebody tries to log in to. */
export interface EnteredAccount extends Account {
  guess_level: number | null;
  guessed_at_ms: number | null;
  known_marks: Buffer[];
  /** Which of the known ones need not be recorded again. */
  fresh_marks: Buffer[];
}

interface NewPicture {
  column: "avatar_key" | "background_key";
  key: string;
  isThere: () => Promise<boolean>;
  removal?: string | undefined;
}

/** The SQL of accounts: names, passwords, profiles. */
export function accountStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /** Adds the account and its first session, or neither. Error: NAME_TAKEN. */
    async addAccount(
      account: Pick<Account, "id" | "username" | "name_key" | "password_hash" | "name">,
      session: NewSession,
      marks: Buffer[],
    ): Promise<Account> {
      return inTransaction(db, async (transaction) => {
        const row = await transaction
          .insertInto("account")
          .values(account)
          .onConflict((conflict) => conflict.column("name_key").doNothing())
          .returningAll()
          .executeTakeFirst();
        if (!row) throw refusal("NAME_TAKEN");
        await transaction.insertInto("session").values(sessionRow(session)).execute();
        const known = marks.map((mark) => ({ user_id: account.id, mark }));
        if (known.length > 0) await transaction.insertInto("known_device").values(known).execute();
        return row;
      });
    },
    /** One round trip, since every login waits for it: the account, the guesses, and which marks are known. */
    async accountToEnter(nameKey: string, marks: Buffer[]): Promise<EnteredAccount | undefined> {
      const { rows } = await sql<EnteredAccount>`
        select a.*, g.level as guess_level, (extract(epoch from g.at) * 1000)::float8 as guessed_at_ms,
          array(
            select mark from "user".known_device d where d.user_id = a.id and d.mark = any(${marks}::bytea[])
          ) as known_marks,
          array(
            select mark from "user".known_device d
            where d.user_id = a.id and d.mark = any(${marks}::bytea[]) and d.seen_at > now() - interval '1 day'
          ) as fresh_marks
        from "user".account a left join "user".guesses g on g.user_id = a.id
        where a.name_key = ${nameKey}`.execute(db);
      return rows[0];
    },
    async saveGuesses(id: string, { level, atMs }: Guesses): Promise<void> {
      await db
        .insertInto("guesses")
        .values({ user_id: id, level, at: new Date(atMs) })
        .onConflict((conflict) =>
          conflict
            .column("user_id")
            .doUpdateSet({ level, at: new Date(atMs) })
            .where("guesses.at", "<=", new Date(atMs)),
        )
        .execute();
    },
    accountById: (id: string): Promise<Account | undefined> =>
      db.selectFrom("account").selectAll().where("id", "=", id).executeTakeFirst(),
    /** Only open accounts. */
    accountsById: (ids: string[]): Promise<Account[]> =>
      db
        .selectFrom("account")
        .selectAll()
        .where("id", "=", sql<string>`any(${ids}::int8[])`)
        .where("state", "=", "open")
        .execute(),
    /** Only open accounts. */
    async idsByName(nameKeys: string[]): Promise<{ id: string; name_key: string }[]> {
      const rows = await db
        .selectFrom("account")
        .select(["id", "name_key"])
        .where("name_key", "=", sql<string>`any(${nameKeys}::text[])`)
        .where("state", "=", "open")
        .execute();
      return rows as { id: string; name_key: string }[];
    },
    async updateProfile(id: UserId, change: Partial<Pick<Account, "name" | "signature">>): Promise<Account> {
      return events.transaction(db, async (transaction, emit) => {
        emit(profileChanged, { userId: id, atMs: Date.now() });
        return transaction
          .updateTable("account")
          .set({ id, ...change })
          .where("id", "=", id)
          .where("state", "=", "open")
          .returningAll()
          .executeTakeFirstOrThrow(() => refusal("SESSION_ENDED"));
      });
    },
    removeUnlessSet: (key: string, jobs: Jobs): Promise<string> => removeUnlessSet(db, jobs, key),
    /**
     * Sets a picture (an empty key: the default one), whose blob is in its place, and ends the job that would remove it;
     * the one that it replaces is dropped. `isThere` is asked under a lock on its key: a job may have removed it since.
     * Errors: SESSION_ENDED, BUSY.
     */
    async setPicture(
      id: UserId,
      { column, key, isThere, removal }: NewPicture,
      jobs: Jobs,
    ): Promise<{ account: Account; dropped: string | undefined }> {
      return events.transaction(db, async (transaction, emit) => {
        if (key) await lockPicture(transaction, key);
        if (key && !(await isThere())) throw refusal("BUSY");
        const before = await transaction
          .selectFrom("account")
          .select(column)
          .where("id", "=", id)
          .where("state", "=", "open")
          .forUpdate()
          .executeTakeFirstOrThrow(() => refusal("SESSION_ENDED"));
        emit(profileChanged, { userId: id, atMs: Date.now() });
        const account = await transaction
          .updateTable("account")
          .set({ [column]: key })
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirstOrThrow();
        if (removal)
          await transaction
            .deleteFrom("job")
            .where("kind", "=", removePictureKind)
            .where("key", "=", removal)
            .execute();
        const dropped = before[column] !== key && before[column] ? before[column] : undefined;
        if (dropped) await dropPicture(transaction, jobs, dropped);
        return { account, dropped };
      });
    },
    /** One that somebody does not have any more. */
    removePicture: (key: string, blobs: Pick<BlobStore, "remove">): Promise<void> =>
      inTransaction(db, (transaction) => removeUnused(transaction, blobs, key)),
    /** One that was put in its place and not set. */
    dropPicture: (key: string, jobs: Jobs): Promise<void> =>
      inTransaction(db, (transaction) => dropPicture(transaction, jobs, key)),
    /** Ends every session but `keepSession`. Errors: see `whyUnproven`. */
    setPassword: (proven: Proven, passwordHash: string, keepSession: SessionId | undefined) =>
      events.transaction(db, async (transaction, emit) => {
        const changed = await stillProven(transaction, proven)
          .set((is) => ({ password_hash: passwordHash, session_epoch: is("session_epoch", "+", 1) }))
          .returning("id")
          .executeTakeFirst();
        if (!changed) throw await whyUnproven(transaction, proven);
        await endSessionsOf(transaction, emit, proven.id, keepSession);
        await transaction
          .updateTable("session")
          .set({ password_at: sql`now()` })
          .where("user_id", "=", proven.id)
          .execute();
      }),
  };
}

export type AccountStore = ReturnType<typeof accountStore>;
