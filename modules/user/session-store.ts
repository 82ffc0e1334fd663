import { type Selectable, sql } from "kysely";
import { sessionsEnded } from "#contracts/events.ts";
import type { SessionId, UserId } from "#contracts/ids.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Logger } from "#platform/observe/log.ts";
import { maxKnownDevices } from "./known-devices.ts";
import type { Proven } from "./proven.ts";
import { maxSessionsPerUser, passwordLastsMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

export type SessionRow = Selectable<Tables["session"]>;

/** Rows in one statement of a chore. */
const chunk = 2_000;

export interface NewSession {
  userId: UserId;
  id: SessionId;
  classic: boolean;
  refreshHash: Buffer | null;
  userAgent: string;
  expiresAt: Date;
}

export interface SessionLook {
  userId: string;
  sessionId: string;
  /** When it was used last stays as it is. */
  unused: boolean;
}

export function sessionRow(session: NewSession) {
  return {
    user_id: session.userId,
    id: session.id,
    classic: session.classic,
    refresh_hash: session.refreshHash,
    user_agent: session.userAgent,
    expires_at: session.expiresAt,
  };
}

/**
 * Ends the sessions of a person, but for one; those that are about to be opened end by the epoch, which the caller raises.
 */
export async function endSessionsOf(
  on: Transaction<Tables>,
  emit: Emit,
  userId: string,
  keepSession?: SessionId,
): Promise<void> {
  let all = on.deleteFrom("session").where("user_id", "=", userId);
  if (keepSession) all = all.where("id", "!=", keepSession);
  const sessionIds = (await all.returning("id").execute()).map(({ id }) => id);
  if (sessionIds.length > 0) emit(sessionsEnded, { userId, atMs: Date.now(), sessionIds });
}

/** Nobody is logged in any more, nor is a login under way. For when no server runs: nobody is told. */
export async function endEverySession(db: Kysely<Tables>): Promise<void> {
  await sql`delete from "user".session`.execute(db);
  await sql`update "user".account set session_epoch = session_epoch + 1`.execute(db);
}

/** The SQL of sessions. */
export function sessionStore(db: Kysely<Tables>, events: EventWriter<Tables>, log: Pick<Logger, "warn">) {
  const liveSession = (userId: UserId, id: SessionId) =>
    db
      .selectFrom("session")
      .selectAll()
      // In the clock of the process that set it.
      .select(sql<number>`(extract(epoch from now() - rotated_at) * 1000)::float8`.as("rotated_ms_ago"))
      .where("user_id", "=", userId)
      .where("id", "=", id)
      .where("expires_at", ">", sql<Date>`now()`);

  return {
    /**
     * Adds a session; beyond the maximum, the least recently used ones end. One statement, since a storm of logins
     * pays for each round trip. It does not see the row that it adds, so it keeps one fewer. Returns false and adds
     * none unless the account is open and the password was compared with what is still stored. The account is locked,
     * so that no session comes in while it is closed or all its sessions end. Its device is known by `marks` from
     * then on.
     */
    async addSession(session: NewSession, proven: Proven, marks: Buffer[]): Promise<boolean> {
      const { userId, id, classic, refreshHash, userAgent, expiresAt } = session;
      const { rows } = await sql<{ id: string; ended: string[] }>`
        with open as materialized (
          select id from "user".account 
          where id = ${userId} and state = 'open' and password_hash = ${proven.password_hash}
            and suspended_until_ms <= ${Date.now()}
            and session_epoch = ${proven.session_epoch}
          for share
        ), added as (
          insert into "user".session (user_id, id, classic, refresh_hash, user_agent, expires_at)
          select id, ${id}, ${classic}, ${refreshHash}::bytea, ${userAgent}, ${expiresAt}::timestamptz from open
          returning id
        ), known as (
          insert into "user".known_device (user_id, mark)
          select open.id, mark from open, unnest(${marks}::bytea[]) as mark
          on conflict (user_id, mark) do update set seen_at = now()
        ), forgotten as (
          delete from "user".known_device where cardinality(${marks}::bytea[]) > 0 and user_id = ${userId} and mark in (
            select mark from "user".known_device where user_id = ${userId}
            order by seen_at desc offset ${maxKnownDevices - 2}
          ) and mark <> all(${marks}::bytea[])
        ), ended as (
          delete from "user".session where user_id = ${userId} and id in (
            select id from "user".session where user_id = ${userId}
            order by last_used_at desc, id desc offset ${maxSessionsPerUser - 1}
          ) returning id
        )
        select id, array(select id from ended) as ended from added`.execute(db);
      // Not in one transaction, of which each login would have to pay; unheard, it is felt with the next check.
      const sessionIds = rows[0]?.ended ?? [];
      if (sessionIds.length > 0) {
        await events.transaction(db, async (_transaction, emit) => {
          emit(sessionsEnded, { userId, atMs: Date.now(), sessionIds });
        });
      }
      return rows.length > 0;
    },
    session: (userId: UserId, id: SessionId) => liveSession(userId, id).executeTakeFirst(),
    /** Rotates the refresh token and returns when the session ends; undefined if another request was quicker. */
    async rotate(session: SessionRow, refreshHash: Buffer, expiresAt: Date): Promise<Date | undefined> {
      const rotated = await db
        .updateTable("session")
        .set({
          refresh_hash: refreshHash,
          previous_refresh_hash: session.refresh_hash,
          rotated_at: sql`now()`,
          last_used_at: sql`now()`,
          expires_at: sql`least(${expiresAt}::timestamptz, password_at + ${passwordLastsMs} * interval '1 ms')`,
        })
        .where("user_id", "=", session.user_id)
        .where("id", "=", session.id)
        .where("refresh_hash", "=", session.refresh_hash)
        .returning("expires_at")
        .executeTakeFirst();
      return rotated?.expires_at;
    },
    /** Which of these sessions are alive, and the role of their people. Records the use of some, at most once an hour. */
    async aliveSessions(refs: SessionLook[]) {
      const { rows } = await sql<{
        id: string;
        stale: boolean;
        user_id: string;
        moderator: boolean;
        muted_until_ms: string;
      }>`
        select s.user_id, s.id, not r.unused and s.last_used_at < now() - interval '1 hour' as stale,
          a.role = 'moderator' as moderator, a.muted_until_ms
        from unnest(${refs.map((ref) => ref.userId)}::int8[], ${refs.map((ref) => ref.sessionId)}::int8[],
          ${refs.map((ref) => ref.unused)}::bool[]) as r(user_id, id, unused)
        join "user".session s on s.user_id = r.user_id and s.id = r.id
        join "user".account a on a.id = s.user_id and a.state = 'open'
          and a.suspended_until_ms <= ${Date.now()}
        where s.expires_at > now()`.execute(db);
      const stale = rows.filter((row) => row.stale);
      if (stale.length > 0) {
        await sql`
          update "user".session s set last_used_at = now()
          from unnest(${stale.map((row) => row.user_id)}::int8[], ${stale.map((row) => row.id)}::int8[]) as r(user_id, id)
          where s.user_id = r.user_id and s.id = r.id`
          .execute(db)
          // Nobody is signed out because it could not be noted that they were here.
          .catch((error) => log.warn({ err: error }, "could not note that sessions were used"));
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
    /**
     * Removes those that have expired. It goes through all of them, since an index by their end would have to move with
     * each refresh.
     */
    async removeExpired(stopping: AbortSignal): Promise<void> {
      let last: { user_id: string; id: string } | undefined = { user_id: "0", id: "0" };
      while (last && !stopping.aborted) {
        const page = await sql<{ user_id: string; id: string }>`
          with page as materialized (
            select user_id, id from "user".session
            where (user_id, id) > (${last.user_id}::int8, ${last.id}::int8) order by user_id, id limit ${chunk}
          ), expired as (
            select s.user_id, s.id from page p join "user".session s using (user_id, id)
            where s.expires_at < now() for update of s skip locked
          ), gone as (
            delete from "user".session s using expired e where s.user_id = e.user_id and s.id = e.id
          )
          select user_id, id from page order by user_id desc, id desc limit 1`.execute(db);
        last = page.rows[0];
      }
    },
    endSession: (userId: UserId, id: SessionId): Promise<void> =>
      events.transaction(db, async (transaction, emit) => {
        const ended = await transaction
          .deleteFrom("session")
          .where("user_id", "=", userId)
          .where("id", "=", id)
          .executeTakeFirst();
        if (ended.numDeletedRows > 0n) emit(sessionsEnded, { userId, atMs: Date.now(), sessionIds: [id] });
      }),
    /** Also those that are about to be opened. */
    endAllSessions: (userId: UserId): Promise<void> =>
      events.transaction(db, async (transaction, emit) => {
        await transaction
          .updateTable("account")
          .set((is) => ({ session_epoch: is("session_epoch", "+", 1) }))
          .where("id", "=", userId)
          .execute();
        await endSessionsOf(transaction, emit, userId);
      }),
  };
}

export type SessionStore = ReturnType<typeof sessionStore>;
