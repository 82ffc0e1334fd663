import { type Selectable, sql } from "kysely";
import { profileChanged } from "#contracts/events.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Events } from "#platform/events/events.ts";
import { maxSessionsPerUser, sessionEnded } from "./rules.ts";
import type { Tables } from "./tables.ts";

export type Account = Selectable<Tables["account"]>;
export type SessionRow = Selectable<Tables["session"]>;
type SigningKeyRow = Selectable<Tables["signing_key"]>;

type PictureColumn = "avatar_key" | "background_key";

export interface NewSession {
  userId: UserId;
  id: SessionId;
  classic: boolean;
  refreshHash: Buffer | null;
  userAgent: string;
  expiresAt: Date;
}

function sessionRow(session: NewSession) {
  return {
    user_id: session.userId,
    id: session.id,
    classic: session.classic,
    refresh_hash: session.refreshHash,
    user_agent: session.userAgent,
    expires_at: session.expiresAt,
  };
}

/** All SQL of the module. */
export function userStore(db: Kysely<Tables>, events: Events) {
  const liveSession = (userId: UserId, id: SessionId) =>
    db
      .selectFrom("session")
      .selectAll()
      // By the clock that set it, whatever ours says.
      .select(sql<number>`(extract(epoch from now() - rotated_at) * 1000)::float8`.as("rotated_ms_ago"))
      .where("user_id", "=", userId)
      .where("id", "=", id)
      .where("expires_at", ">", sql<Date>`now()`);

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
    /** Ends every session but `keepSession`. */
    setPassword: (id: UserId, passwordHash: string, keepSession: SessionId | undefined) =>
      inTransaction(db, async (transaction) => {
        await transaction
          .updateTable("account")
          .set({ password_hash: passwordHash })
          .where("id", "=", id)
          .where("state", "=", "open")
          .returning("id")
          .executeTakeFirstOrThrow(sessionEnded);
        let ended = transaction.deleteFrom("session").where("user_id", "=", id);
        if (keepSession) ended = ended.where("id", "!=", keepSession);
        await ended.execute();
      }),

    /**
     * Adds a session; of more than enough the ones not used for longest end. One statement, since each more is
     * a round trip that a storm of logins pays for. It does not see the row that it adds, hence one fewer. False,
     * and none is added, when the account is not open; it is held, so that none comes in while it is being closed.
     */
    async addSession(session: NewSession): Promise<boolean> {
      const { userId, id, classic, refreshHash, userAgent, expiresAt } = session;
      const { rows } = await sql`
        with open as materialized (
          select id from "user".account where id = ${userId} and state = 'open' for share
        ), added as (
          insert into "user".session (user_id, id, classic, refresh_hash, user_agent, expires_at)
          select id, ${id}, ${classic}, ${refreshHash}::bytea, ${userAgent}, ${expiresAt}::timestamptz from open
          returning id
        ), ended as (
          delete from "user".session where user_id = ${userId} and id in (
            select id from "user".session where user_id = ${userId}
            order by last_used_at desc, id desc offset ${maxSessionsPerUser - 1}
          )
        )
        select id from added`.execute(db);
      return rows.length > 0;
    },
    session: (userId: UserId, id: SessionId) => liveSession(userId, id).executeTakeFirst(),
    /** Swaps the refresh token; false when another request has swapped it in between. */
    async rotate(session: SessionRow, refreshHash: Buffer, expiresAt: Date): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable("session")
        .set({
          refresh_hash: refreshHash,
          previous_refresh_hash: session.refresh_hash,
          rotated_at: sql`now()`,
          last_used_at: sql`now()`,
          expires_at: expiresAt,
        })
        .where("user_id", "=", session.user_id)
        .where("id", "=", session.id)
        .where("refresh_hash", "=", session.refresh_hash)
        .executeTakeFirstOrThrow();
      return numUpdatedRows > 0n;
    },
    /** Which of these sessions are alive, and their people's role; their use is noted, once an hour at the most. */
    async aliveSessions(refs: { userId: string; sessionId: string }[]) {
      const { rows } = await sql<{ id: string; stale: boolean; user_id: string; moderator: boolean }>`
        select s.user_id, s.id, s.last_used_at < now() - interval '1 hour' as stale, a.role = 'moderator' as moderator
        from unnest(${refs.map((ref) => ref.userId)}::int8[], ${refs.map((ref) => ref.sessionId)}::int8[]) as r(user_id, id)
        join "user".session s on s.user_id = r.user_id and s.id = r.id
        join "user".account a on a.id = s.user_id and a.state = 'open'
        where s.expires_at > now()`.execute(db);
      const stale = rows.filter((row) => row.stale);
      if (stale.length > 0) {
        await sql`
          update "user".session s set last_used_at = now()
          from unnest(${stale.map((row) => row.user_id)}::int8[], ${stale.map((row) => row.id)}::int8[]) as r(user_id, id)
          where s.user_id = r.user_id and s.id = r.id`.execute(db);
      }
      return rows;
    },
    sessionsOf: (userId: UserId) =>
      db
        .selectFrom("session")
        .selectAll()
        .where("user_id", "=", userId)
        .where("expires_at", ">", sql<Date>`now()`)
        .orderBy("last_used_at", "desc")
        .limit(maxSessionsPerUser)
        .execute(),
    async endSessions(userId: UserId, id?: SessionId): Promise<void> {
      let ended = db.deleteFrom("session").where("user_id", "=", userId);
      if (id) ended = ended.where("id", "=", id);
      await ended.execute();
    },

    signingKeys: (): Promise<SigningKeyRow[]> =>
      db.selectFrom("signing_key").selectAll().orderBy("created_at", "desc").execute(),
    /** Adds a key unless one younger than `maxAgeMs` is there, and forgets those that no live token names. */
    async rotateKeys(key: Pick<SigningKeyRow, "kid" | "private_jwk" | "public_jwk">, maxAgeMs: number) {
      await inTransaction(db, async (transaction) => {
        await sql`lock table "user".signing_key in exclusive mode`.execute(transaction);
        const young = await transaction
          .selectFrom("signing_key")
          .select("kid")
          .where("created_at", ">", sql<Date>`now() - ${maxAgeMs} * interval '1 ms'`)
          .executeTakeFirst();
        if (!young) await transaction.insertInto("signing_key").values(key).execute();
        await transaction
          .deleteFrom("signing_key")
          .where("created_at", "<", sql<Date>`now() - ${maxAgeMs * 3} * interval '1 ms'`)
          .execute();
      });
    },
  };
}

export async function lockKey(on: Kysely<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(on);
}

export type UserStore = ReturnType<typeof userStore>;
