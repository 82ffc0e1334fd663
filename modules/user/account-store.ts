import { type Selectable, sql } from "kysely";
import { profileChanged } from "#contracts/events.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Events } from "#platform/events/events.ts";
import { type Proven, stillProven, whyUnproven } from "./proven.ts";
import { sessionEnded } from "./rules.ts";
import { type NewSession, sessionRow } from "./session-store.ts";
import type { Tables } from "./tables.ts";

export type Account = Selectable<Tables["account"]>;

type PictureColumn = "avatar_key" | "background_key";

/** The SQL of accounts: names, passwords, profiles. */
export function accountStore(db: Kysely<Tables>, events: Events) {
  return {
    /** The account and its first session, or neither. Error: NAME_TAKEN. */
    async addAccount(
      account: Pick<Account, "id" | "username" | "name_key" | "password_hash" | "name">,
      session: NewSession,
    ): Promise<Account> {
      return inTransaction(db, async (transaction) => {
        const row = await transaction
          .insertInto("account")
          .values(account)
          .onConflict((conflict) => conflict.column("name_key").doNothing())
          .returningAll()
          .executeTakeFirst();
        if (!row) throw new DomainError("conflict", "NAME_TAKEN", "This name is taken. Choose another one.");
        await transaction.insertInto("session").values(sessionRow(session)).execute();
        return row;
      });
    },
    accountByName: (nameKey: string): Promise<Account | undefined> =>
      db.selectFrom("account").selectAll().where("name_key", "=", nameKey).executeTakeFirst(),
    accountById: (id: string): Promise<Account | undefined> =>
      db.selectFrom("account").selectAll().where("id", "=", id).executeTakeFirst(),
    /** Those of them that are open. */
    accountsById: (ids: string[]): Promise<Account[]> =>
      db
        .selectFrom("account")
        .selectAll()
        .where("id", "=", sql<string>`any(${ids}::int8[])`)
        .where("state", "=", "open")
        .execute(),
    async updateProfile(id: UserId, change: Partial<Pick<Account, "name" | "signature">>): Promise<Account> {
      return events.transaction(db, async (transaction, emit) => {
        emit(profileChanged, { userId: id, atMs: Date.now() });
        return transaction
          .updateTable("account")
          .set({ id, ...change })
          .where("id", "=", id)
          .where("state", "=", "open")
          .returningAll()
          .executeTakeFirstOrThrow(sessionEnded);
      });
    },
    /**
     * Sets a picture (an empty key: the default one) and tells which it replaced. The blob is put in its place
     * by `place` under a lock on its key, so that `removeUnusedPicture` cannot take it away in between.
     */
    async setPicture(id: UserId, column: PictureColumn, key: string, place: () => Promise<unknown>) {
      return events.transaction(db, async (transaction, emit) => {
        if (key) await lockKey(transaction, key);
        const before = await transaction
          .selectFrom("account")
          .select(column)
          .where("id", "=", id)
          .where("state", "=", "open")
          .forUpdate()
          .executeTakeFirstOrThrow(sessionEnded);
        await place();
        emit(profileChanged, { userId: id, atMs: Date.now() });
        const account = await transaction
          .updateTable("account")
          .set({ [column]: key })
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirstOrThrow();
        return { account, replaced: before[column] };
      });
    },
    /** Runs `remove` unless somebody uses the picture. */
    async removeUnusedPicture(key: string, remove: () => Promise<void>): Promise<void> {
      await inTransaction(db, async (transaction) => {
        await lockKey(transaction, key);
        const user = await transaction
          .selectFrom("account")
          .select("id")
          .where((is) => is.or([is("avatar_key", "=", key), is("background_key", "=", key)]))
          .executeTakeFirst();
        if (!user) await remove();
      });
    },
    /** Ends every session but `keepSession`. Errors: see `whyUnproven`. */
    setPassword: (proven: Proven, passwordHash: string, keepSession: SessionId | undefined) =>
      inTransaction(db, async (transaction) => {
        const changed = await stillProven(transaction, proven)
          .set((is) => ({ password_hash: passwordHash, session_epoch: is("session_epoch", "+", 1) }))
          .returning("id")
          .executeTakeFirst();
        if (!changed) throw await whyUnproven(transaction, proven);
        let ended = transaction.deleteFrom("session").where("user_id", "=", proven.id);
        if (keepSession) ended = ended.where("id", "!=", keepSession);
        await ended.execute();
        await transaction
          .updateTable("session")
          .set({ password_at: sql`now()` })
          .where("user_id", "=", proven.id)
          .execute();
      }),
  };
}

export async function lockKey(on: Kysely<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(on);
}

export type AccountStore = ReturnType<typeof accountStore>;
