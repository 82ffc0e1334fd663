import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "../tables.ts";
import type { Change, Fact } from "./changes.ts";

/** A notification by its name. */
export interface NotificationRef {
  userId: string;
  kind: number;
  subjectId: string;
}

/** What became of a notification. */
export interface Touched extends NotificationRef {
  videoId: string;
  /** Something was added. */
  news: boolean;
  /** Facts that should be removed and are not kept any more. */
  missing: number;
}

type Row = Pick<Tables["notification_fact"], "user_id" | "kind" | "subject_id">;

const keyOf = ({ userId, kind, subjectId }: NotificationRef) => `${userId} ${kind} ${subjectId}`;
const factKey = (fact: Fact) => `${keyOf(fact)} ${fact.factId}`;

/** The people whose lists these changes concern. */
export async function peopleOf(on: Queryable<Tables>, changes: readonly Change[]): Promise<string[]> {
  const videoIds = changes.flatMap((change) => (change.what === "video-gone" ? change.videoId : []));
  const threadIds = changes.flatMap((change) => (change.what === "comment-gone" ? change.threadId : []));
  const named = changes.flatMap((change) => {
    if (change.what === "add" || change.what === "remove") return change.fact.userId;
    if (change.what === "video-gone") return change.authorId;
    return change.what === "comment-gone" ? [] : change.userId;
  });
  if (videoIds.length + threadIds.length === 0) return [...new Set(named)];
  const { rows } = await sql<{ user_id: string }>`
    select user_id from message.notification where video_id = any(${videoIds}::int8[]) and video_id <> 0
    union
    select user_id from message.notification_fact where thread_id = any(${threadIds}::int8[]) and thread_id <> 0`.execute(
    on,
  );
  return [...new Set([...named, ...rows.map((row) => row.user_id)])];
}

/** Applies changes in their order, within a transaction that holds the people concerned. Returns what they touched. */
export async function applyChanges(
  on: Queryable<Tables>,
  changes: readonly Change[],
  isGone: (userId: string) => boolean,
): Promise<Touched[]> {
  const touched = new Map<string, Touched>();
  const touch = (
    ref: NotificationRef,
    { videoId = "0", news = false, missing = 0 }: Partial<Touched> = {},
  ) => {
    const { userId, kind, subjectId } = ref;
    const known = touched.get(keyOf(ref)) ?? { userId, kind, subjectId, videoId, news: false, missing: 0 };
    if (videoId !== "0") known.videoId = videoId;
    known.news ||= news;
    known.missing += missing;
    touched.set(keyOf(ref), known);
  };
  const touchRows = (rows: Row[]) => {
    for (const { user_id: userId, kind, subject_id: subjectId } of rows) touch({ userId, kind, subjectId });
  };
  for (const run of runsOf(changes)) {
    if (Array.isArray(run)) {
      const { removed, missing, added } = await applyFacts(on, run, isGone);
      touchRows(removed);
      for (const fact of missing) touch(fact, { missing: 1 });
      for (const fact of added) touch(fact, { videoId: fact.videoId, news: true });
    } else if (run.what === "video-gone") {
      await forgetVideo(on, run.videoId);
      // Its notifications are gone.
      for (const [key, { videoId }] of touched) if (videoId === run.videoId) touched.delete(key);
    } else if (run.what === "comment-gone") touchRows(await removeComment(on, run));
    else touchRows(await setBlock(on, run.userId, run.actorId, run.what === "block"));
  }
  return [...touched.values()];
}

type FactChange = Extract<Change, { fact: Fact }>;

/** Neighbours about facts are applied together. */
function runsOf(changes: readonly Change[]): (FactChange[] | Exclude<Change, FactChange>)[] {
  const runs: (FactChange[] | Exclude<Change, FactChange>)[] = [];
  for (const change of changes) {
    const last = runs.at(-1);
    if (!("fact" in change)) runs.push(change);
    else if (Array.isArray(last)) last.push(change);
    else runs.push([change]);
  }
  return runs;
}

/** A fact is there if it was added after it was last removed; then it is new, unless it had been there all the time. */
async function applyFacts(on: Queryable<Tables>, changes: FactChange[], isGone: (userId: string) => boolean) {
  const wanted = new Map<string, Fact>();
  const unwanted = new Map<string, Fact>();
  const additions = new Set<string>();
  for (const { what, fact } of changes) {
    const key = factKey(fact);
    if (what === "remove") {
      wanted.delete(key);
      unwanted.set(key, fact);
    } else {
      additions.add(key);
      if (!wanted.has(key)) wanted.set(key, fact);
    }
  }
  const removed = await remove(on, [...unwanted.values()]);
  const had = new Set(removed.map((row) => `${row.user_id} ${row.kind} ${row.subject_id} ${row.fact_id}`));
  const missing = [...unwanted].flatMap(([key, fact]) => (had.has(key) || additions.has(key) ? [] : fact));
  const added = await add(
    on,
    [...wanted.values()].filter(({ userId }) => !isGone(userId)),
  );
  return { removed, missing, added };
}

function columns(facts: readonly Fact[]) {
  return sql`unnest(${facts.map((fact) => fact.userId)}::int8[], ${facts.map((fact) => fact.kind)}::int2[],
    ${facts.map((fact) => fact.subjectId)}::int8[], ${facts.map((fact) => fact.factId)}::int8[],
    ${facts.map((fact) => fact.actorId)}::int8[], ${facts.map((fact) => fact.videoId)}::int8[],
    ${facts.map((fact) => fact.threadId)}::int8[], ${facts.map((fact) => fact.atMs)}::int8[])
    as w(user_id, kind, subject_id, fact_id, actor_id, video_id, thread_id, at_ms)`;
}

async function remove(on: Queryable<Tables>, facts: readonly Fact[]) {
  if (facts.length === 0) return [];
  const { rows } = await sql<Row & { fact_id: string }>`
    delete from message.notification_fact f using ${columns(facts)}
    where f.user_id = w.user_id and f.kind = w.kind and f.subject_id = w.subject_id and f.fact_id = w.fact_id
    returning f.user_id, f.kind, f.subject_id, f.fact_id`.execute(on);
  return rows;
}

/** Adds what is not there, of nobody whom the person blocks, and about no video that is gone. */
async function add(on: Queryable<Tables>, facts: readonly Fact[]): Promise<Fact[]> {
  if (facts.length === 0) return [];
  const { rows } = await sql<Row & { fact_id: string }>`
    insert into message.notification_fact (user_id, kind, subject_id, fact_id, actor_id, thread_id, at_ms)
    select w.user_id, w.kind, w.subject_id, w.fact_id, w.actor_id, w.thread_id, w.at_ms from ${columns(facts)}
    where not exists (
      select from message.notification_block b where b.user_id = w.user_id and b.actor_id = w.actor_id
    ) and not exists (select from message.notification_gone_video g where g.video_id = w.video_id)
    order by 1, 2, 3, 4
    on conflict do nothing
    returning user_id, kind, subject_id, fact_id`.execute(on);
  const byKey = new Map(facts.map((fact) => [factKey(fact), fact]));
  return rows.map((row) => byKey.get(`${row.user_id} ${row.kind} ${row.subject_id} ${row.fact_id}`)!);
}

async function forgetVideo(on: Queryable<Tables>, videoId: string): Promise<void> {
  await sql`
    insert into message.notification_gone_video (video_id, at_ms) values (${videoId}, ${Date.now()})
    on conflict do nothing`.execute(on);
  await sql`
    with gone as (delete from message.notification where video_id = ${videoId}::int8 and video_id <> 0 returning *)
    delete from message.notification_fact f using gone g
    where f.user_id = g.user_id and f.kind = g.kind and f.subject_id = g.subject_id`.execute(on);
}

async function removeComment(
  on: Queryable<Tables>,
  { threadId, replyId }: { threadId: string; replyId?: string },
): Promise<Row[]> {
  const { rows } = await sql<Row>`
    delete from message.notification_fact where thread_id = ${threadId}::int8 and thread_id <> 0
      ${replyId ? sql`and fact_id = ${replyId}` : sql``}
    returning user_id, kind, subject_id`.execute(on);
  return rows;
}

/** What the blocked one has done before falls out too. */
async function setBlock(
  on: Queryable<Tables>,
  userId: string,
  actorId: string,
  blocked: boolean,
): Promise<Row[]> {
  if (!blocked) {
    await on
      .deleteFrom("notification_block")
      .where("user_id", "=", userId)
      .where("actor_id", "=", actorId)
      .execute();
    return [];
  }
  await on
    .insertInto("notification_block")
    .values({ user_id: userId, actor_id: actorId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { rows } = await sql<Row>`
    delete from message.notification_fact where user_id = ${userId} and actor_id = ${actorId}
    returning user_id, kind, subject_id`.execute(on);
  return rows;
}
