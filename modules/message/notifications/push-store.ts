import { createHash } from "node:crypto";
import { sql } from "kysely";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import { pushedOnly } from "#contracts/notification-kinds.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { KeySeal } from "#platform/seal/key-seal.ts";
import type { Tables } from "../tables.ts";
import { isShownNotification } from "./shown.ts";

/** Browsers of one person. */
const maxSubscriptions = 20;
/** The client says it again whenever it starts; a session that is not used for so long has ended. */
const keptMs = 30 * 24 * 3_600_000;
/** When a conversation was pushed last is kept for so long; older messages are pushed no more. */
export const pushedKeptMs = 24 * 3_600_000;

/** A service that does not take what it is given is left alone for so long, then longer, and forgotten in the end. */
const firstPauseMs = 30_000;
export const longestPauseMs = 3_600_000;
const maxFailures = 8;

/** Where a browser is told something, and with what that is encrypted. */
export interface Endpoint {
  endpoint: string;
  p256dh: string;
  auth: string;
}

export interface PushKeys {
  publicKey: string;
  privateKey: string;
}

/** What a browser is told of. */
export interface Pushed {
  endpoint: Endpoint;
  sessionId: string;
  language: string;
  /** Its service is left alone until then. */
  pausedMs: number;
  about: PushedNotification | PushedMessages;
}
export interface PushedNotification {
  people: number;
  actorId: string;
  videoId: string;
  commentId: string;
}
export interface PushedMessages {
  unread: number;
  /** Of a group: its name. */
  groupName: string | null;
}

const hashOf = (endpoint: string) => createHash("sha256").update(endpoint).digest("base64url");
const keysName = "push keys";

/** The SQL of browsers that are told of notifications while no page is open. */
export function pushStore(db: Kysely<Tables>, seal: KeySeal) {
  return {
    /** The installation's keys; `fresh` ones if there are none yet, or none that our secret opens. */
    async keys(fresh: () => PushKeys): Promise<PushKeys> {
      const found = await read(db);
      if (found) return found;
      return inTransaction(db, async (transaction) => {
        await sql`lock table message.push_key in exclusive mode`.execute(transaction);
        const known = await read(transaction);
        if (known) return known;
        const made = fresh();
        await transaction.deleteFrom("push_key").execute();
        await transaction
          .insertInto("push_key")
          .values({ public_key: made.publicKey, sealed: seal.seal(keysName, made.privateKey) })
          .execute();
        return made;
      });
    },
    /** An endpoint is its last person's. Beyond the maximum, the least recently renewed ones go. Error: SESSION_ENDED. */
    async put(userId: string, sessionId: string, language: string, endpoint: Endpoint): Promise<void> {
      const hash = hashOf(endpoint.endpoint);
      await inTransaction(db, async (transaction) => {
        await transaction
          .insertInto("notified")
          .values({ user_id: userId })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        // One at a time, so that there are never too many.
        await transaction
          .selectFrom("notified")
          .select("user_id")
          .where("user_id", "=", userId)
          .forUpdate()
          .execute();
        // Who erases an account marks it, then waits for this row.
        const gone = await transaction
          .selectFrom("person")
          .select("user_id")
          .where("user_id", "=", userId)
          .where("gone", "=", true)
          .execute();
        if (gone.length > 0) throw accountDeleted();
        // People who name the same endpoint at once do so one after the other.
        await sql`select pg_advisory_xact_lock(hashtextextended(${hash}, 0))`.execute(transaction);
        await transaction
          .deleteFrom("push_subscription")
          .where("endpoint_hash", "=", hash)
          .where("user_id", "!=", userId)
          .execute();
        const row = {
          sealed: seal.seal(hash, JSON.stringify(endpoint)),
          session_id: sessionId,
          language,
          renewed_ms: String(Date.now()),
        };
        await transaction
          .insertInto("push_subscription")
          .values({ user_id: userId, endpoint_hash: hash, ...row })
          .onConflict((conflict) => conflict.columns(["user_id", "endpoint_hash"]).doUpdateSet(row))
          .execute();
        await sql`
          delete from message.push_subscription where user_id = ${userId} and endpoint_hash in (
            select endpoint_hash from message.push_subscription where user_id = ${userId}
            order by renewed_ms desc, endpoint_hash offset ${maxSubscriptions}
          )`.execute(transaction);
      });
    },
    async remove(userId: string, endpoint: string): Promise<void> {
      await this.forget(userId, hashOf(endpoint));
    },
    async forget(userId: string, hash: string): Promise<void> {
      await db
        .deleteFrom("push_subscription")
        .where("user_id", "=", userId)
        .where("endpoint_hash", "=", hash)
        .execute();
    },
    async answered(userId: string, hash: string): Promise<void> {
      await sql`
        update message.push_subscription set failures = 0, paused_ms = 0
        where user_id = ${userId} and endpoint_hash = ${hash} and failures > 0`.execute(db);
    },
    /**
     * Its service has not taken something. Returns until when it is left alone, longer each time; undefined: it has failed
     * too often, and is forgotten until the browser's page says it again.
     */
    async failed(userId: string, hash: string, leastMs: number): Promise<number | undefined> {
      const { rows } = await sql<{ paused_ms: string; failures: number }>`
        update message.push_subscription set failures = failures + 1,
          paused_ms = ${Date.now()} + greatest(${leastMs}, least(${firstPauseMs} * 4 ^ failures, ${longestPauseMs}))::int8
        where user_id = ${userId} and endpoint_hash = ${hash} returning paused_ms, failures`.execute(db);
      const [row] = rows;
      if (row && row.failures < maxFailures) return Number(row.paused_ms);
      await this.forget(userId, hash);
      return undefined;
    },
    /** Those of ended sessions; without any named, all of the person's may have ended. */
    async endSessions(on: Queryable<Tables>, userId: string, sessionIds: readonly string[]): Promise<void> {
      await sql`
        delete from message.push_subscription where user_id = ${userId}
          and (${sessionIds.length === 0} or session_id = any(${sessionIds}::int8[]))`.execute(on);
    },
    /** What to tell a browser now; undefined if the browser, what it is about or the wish is gone, or it was seen. */
    async pushed(userId: string, hash: string, kind: string, subjectId: string): Promise<Pushed | undefined> {
      const about =
        Number(kind) === pushedOnly.message ? messagesOf(subjectId) : notificationOf(kind, subjectId);
      const { rows } = await sql<Omit<Pushed, "endpoint"> & { sealed: Buffer }>`
        select s.sealed, s.session_id as "sessionId", s.language, s.paused_ms::float8 as "pausedMs", a.about
        from message.push_subscription s
        join message.notified p on p.user_id = s.user_id
        cross join lateral (${about}) a
        where s.user_id = ${userId}::int8 and s.endpoint_hash = ${hash} and ${kind}::int2 <> all(p.unpushed)`.execute(
        db,
      );
      const [row] = rows;
      const text = row && seal.open(hash, row.sealed);
      if (!text) return undefined;
      const { sealed: _, ...rest } = row;
      return { ...rest, endpoint: JSON.parse(text) as Endpoint };
    },
    /** Removes those of which nothing was heard for long. */
    async expire(): Promise<void> {
      await sql`delete from message.message_push where pushed_ms < ${Date.now() - pushedKeptMs}`.execute(db);
      await sql`delete from message.push_subscription where renewed_ms < ${Date.now() - keptMs}`.execute(db);
    },
  };

  async function read(from: Queryable<Tables>): Promise<PushKeys | undefined> {
    const row = await from.selectFrom("push_key").selectAll().executeTakeFirst();
    const privateKey = row && seal.open(keysName, row.sealed);
    return privateKey ? { publicKey: row.public_key, privateKey } : undefined;
  }
}

/** The notification, for the person `p`. */
const notificationOf = (kind: string, subjectId: string) => sql`
  select json_build_object('people', n.people + n.beyond, 'actorId', l.actor_id::text, 'videoId', n.video_id::text,
    'commentId', (case when l.thread_id <> 0 then l.fact_id else 0 end)::text) as about
  from message.notification n
  cross join lateral (
    select f.actor_id, f.fact_id, f.thread_id from message.notification_fact f
    where f.user_id = n.user_id and f.kind = n.kind and f.subject_id = n.subject_id
    order by f.at_ms desc, f.fact_id desc limit 1
  ) l
  where n.user_id = p.user_id and n.kind = ${kind}::int2 and n.subject_id = ${subjectId}::int8
    and n.position > p.seen and ${isShownNotification(sql`n`)} and n.kind <> all(p.unlisted)`;

/** What the person `p` has not read of a conversation. */
const messagesOf = (peerId: string) => sql`
  select json_build_object('unread', c.unread, 'groupName', null) as about
  from message.conversation c
  where c.user_id = p.user_id and c.peer_id = ${peerId}::int8 and c.unread > 0 and not c.muted
  union all
  select json_build_object('unread', g.total - m.seen, 'groupName', g.name)
  from message.member m join message.group_chat g on g.id = m.group_id
  where m.user_id = p.user_id and m.group_id = ${peerId}::int8 and g.total > m.seen and not m.muted`;

export type PushStore = ReturnType<typeof pushStore>;
