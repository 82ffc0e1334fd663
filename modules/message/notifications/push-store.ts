import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { KeySeal } from "#platform/seal/key-seal.ts";
import type { Tables } from "../tables.ts";
import type { NotificationRef } from "./fact-store.ts";

/** Browsers of one person. */
const maxSubscriptions = 20;
/** The client says it again whenever it starts; a session that is not used for so long has ended. */
const keptMs = 30 * 24 * 3_600_000;

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
  language: string;
  people: number;
  actorId: string;
  videoId: string;
  commentId: string;
  /** Its service is left alone until then. */
  pausedMs: number;
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
    /** An endpoint is its last person's. Beyond the maximum, the least recently renewed ones go. */
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
    /** What to tell a browser now; undefined if the browser, the notification or the wish is gone, or it was seen. */
    async pushed(userId: string, hash: string, kind: string, subjectId: string): Promise<Pushed | undefined> {
      const { rows } = await sql<Omit<Pushed, "endpoint"> & { sealed: Buffer }>`
        select s.sealed, s.language, (n.people + n.beyond)::int4 as people, n.video_id as "videoId",
          s.paused_ms::float8 as "pausedMs", l.actor_id as "actorId", case when l.thread_id <> 0 then l.fact_id else 0 end as "commentId"
        from message.push_subscription s
        join message.notified p on p.user_id = s.user_id
        join message.notification n on n.user_id = s.user_id and n.kind = ${kind}::int2
          and n.subject_id = ${subjectId}::int8 and n.position > p.seen
        cross join lateral (
          select f.actor_id, f.fact_id, f.thread_id from message.notification_fact f
          where f.user_id = n.user_id and f.kind = n.kind and f.subject_id = n.subject_id
          order by f.at_ms desc, f.fact_id desc limit 1
        ) l
        where s.user_id = ${userId}::int8 and s.endpoint_hash = ${hash}
          and n.kind <> all(p.unlisted) and n.kind <> all(p.unpushed)`.execute(db);
      const [row] = rows;
      const text = row && seal.open(hash, row.sealed);
      if (!text) return undefined;
      const { sealed: _, ...rest } = row;
      return { ...rest, endpoint: JSON.parse(text) as Endpoint };
    },
    /** Removes those of which nothing was heard for long. */
    async expire(): Promise<void> {
      await sql`delete from message.push_subscription where renewed_ms < ${Date.now() - keptMs}`.execute(db);
    },
  };

  async function read(from: Queryable<Tables>): Promise<PushKeys | undefined> {
    const row = await from.selectFrom("push_key").selectAll().executeTakeFirst();
    const privateKey = row && seal.open(keysName, row.sealed);
    return privateKey ? { publicKey: row.public_key, privateKey } : undefined;
  }
}

export type PushStore = ReturnType<typeof pushStore>;

/** A browser and what it is to be told of. */
export interface PushRef extends NotificationRef {
  endpointHash: string;
  /** Not before this. */
  runAt: Date;
}

/** How much is pushed to a person: one thing in this time, and so many at once after a while without any. */
const personEveryMs = 6_000;
const personAtOnce = 10;

/**
 * The browsers of people with news, each with when it is told: of one notification once in `everyMs`, so that of many
 * likes it is told together. What is too much for a person stays in the list only. The people are locked.
 */
export async function pushesFor(
  on: Queryable<Tables>,
  news: readonly NotificationRef[],
  everyMs: number,
  soonMs: number,
): Promise<PushRef[]> {
  if (news.length === 0) return [];
  const nowMs = Date.now();
  const { rows } = await sql<{ user_id: string; kind: number; subject_id: string; hash: string; at: string }>`
    with due as (
      select n.user_id, n.kind, n.subject_id, greatest(p.push_ms, ${nowMs - personEveryMs * personAtOnce})
        + ${personEveryMs} * row_number() over (partition by n.user_id order by n.position) as push_ms
      from unnest(${news.map((one) => one.userId)}::int8[], ${news.map((one) => one.kind)}::int2[],
        ${news.map((one) => one.subjectId)}::int8[]) as w(user_id, kind, subject_id)
      join message.notification n using (user_id, kind, subject_id)
      join message.notified p using (user_id)
      -- Otherwise it is told soon.
      where n.people > 0 and n.pushed_ms <= ${nowMs}
        and exists (select from message.push_subscription s where s.user_id = w.user_id)
    ), people as (
      update message.notified p set push_ms = d.push_ms
      from (select user_id, max(push_ms) as push_ms from due where push_ms <= ${nowMs} group by 1) d
      where p.user_id = d.user_id
    ), told as (
      update message.notification n set pushed_ms = greatest(n.pushed_ms + ${everyMs}, ${nowMs + soonMs})
      from due d where d.push_ms <= ${nowMs}
        and n.user_id = d.user_id and n.kind = d.kind and n.subject_id = d.subject_id
      returning n.user_id, n.kind, n.subject_id, n.pushed_ms
    )
    select t.user_id, t.kind, t.subject_id, s.endpoint_hash as hash, greatest(t.pushed_ms, s.paused_ms) as at
    from told t join message.push_subscription s on s.user_id = t.user_id`.execute(on);
  return rows.map(({ user_id: userId, kind, subject_id: subjectId, hash: endpointHash, at }) => ({
    ...{ userId, kind, subjectId, endpointHash },
    runAt: new Date(Number(at)),
  }));
}
