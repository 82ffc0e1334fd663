import { randomUUID } from "node:crypto";
import { type Selectable, sql } from "kysely";
import { moderationActed } from "#contracts/events.ts";
import type { ModerationReason } from "#contracts/moderation-names.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { type Ids, timeOfId } from "#platform/ids/snowflake.ts";
import { after, judges, type KeptAct, upholds } from "./rules.ts";
import { columnsOf, type Found, isOver, lockStatus, type StatusRow, standingOf } from "./status-rows.ts";
import type { Tables } from "./tables.ts";

export type ActRow = Selectable<Tables["act"]>;

/** What a moderator does about some subjects; of nobody: "0". */
export interface NewAct {
  act: KeptAct;
  actorId: string;
  reason: ModerationReason | "";
  note: string;
  words: string;
  untilMs: number | null;
  batchId?: string;
}

/** Which acts are looked for; `ownerId` with `isOwn`: those that the owner is told of. */
export interface ActsAsked {
  subjectId?: string;
  ownerId?: string;
  actorId?: string;
  act?: string;
  words?: string;
  but?: readonly KeptAct[];
  id?: string;
}

/** Subjects in one transaction of a chore. */
const chunk = 100;

/** The SQL of acts: only added, each with what it changes of its subject's status. */
export function actStore(db: Kysely<Tables>, events: EventWriter<Tables>, ids: Ids) {
  const add = (
    subjects: readonly Found[],
    { act, actorId, reason, note, words, untilMs, batchId = randomUUID() }: NewAct,
    still: (status: StatusRow) => boolean = () => true,
  ): Promise<ActRow[]> =>
    events.transaction(db, async (on, emit) => {
      const statuses = (await lockStatus(on, subjects)).filter(still);
      if (statuses.length === 0) return [];
      const rows = statuses.map((status) => ({
        ...{
          subject_id: status.subject_id,
          kind: status.kind,
          owner_id: status.owner_id,
          video_id: status.video_id,
        },
        // Later than what was done before, also by a process whose clock is ahead.
        id: ids.next(status.last_act === "0" ? undefined : timeOfId(status.last_act)),
        ...{ act, actor_id: actorId, reason, note, words, until_ms: untilMs, batch_id: batchId },
      }));
      const added = await on.insertInto("act").values(rows).returningAll().execute();
      for (const [i, status] of statuses.entries()) {
        const { id } = rows[i]!;
        await on
          .updateTable("status")
          .set({
            ...columnsOf(after(standingOf(status), { id, act, untilMs })),
            last_act: id,
            ...(judges(act) && {
              ...{ waiting_since: null, weight: 0, claimed_by: null, claimed_until: null, judged: true },
            }),
          })
          .where("subject_id", "=", status.subject_id)
          .execute();
      }
      if (judges(act))
        await judge(
          on,
          rows.map((row) => row.subject_id),
          upholds(act),
        );
      for (const row of added)
        emit(moderationActed, {
          ...{ actId: row.id, subjectKind: row.kind, subjectId: row.subject_id, ownerId: row.owner_id },
          ...{ act, reason, untilMs: untilMs ?? 0, videoId: row.video_id ?? "", atMs: timeOfId(row.id) },
        });
      return added;
    });

  return {
    /** Adds an act on each of these, `still`: of those that stand so once nobody else acts on them. */
    add,
    /** Ends what is over, some subjects at a time. */
    async expire(nowMs: number, stopping: AbortSignal): Promise<void> {
      for (let found = chunk; found === chunk && !stopping.aborted; ) {
        const over = await db.selectFrom("status").selectAll().where(isOver(nowMs)).limit(chunk).execute();
        const subjects = over.map(({ kind, subject_id: id, owner_id: ownerId, video_id: videoId }) => ({
          ...{ kind, id, ownerId, videoId },
        }));
        const none = { reason: "", note: "", words: "", untilMs: null } as const;
        // Another process may have ended it meanwhile.
        const still = ({ ends_ms }: StatusRow) => ends_ms !== null && Number(ends_ms) <= nowMs;
        if (over.length > 0) await add(subjects, { act: "expire", actorId: "0", ...none }, still);
        found = over.length;
      }
    },
    /** The latest first. */
    async list(asked: ActsAsked, beforeId: string | undefined, limit: number): Promise<ActRow[]> {
      let acts = db.selectFrom("act").selectAll();
      if (asked.subjectId) acts = acts.where("subject_id", "=", asked.subjectId);
      if (asked.ownerId) acts = acts.where("owner_id", "=", asked.ownerId);
      if (asked.id) acts = acts.where("id", "=", asked.id);
      if (asked.actorId) acts = acts.where("actor_id", "=", asked.actorId);
      if (asked.act) acts = acts.where("act", "=", asked.act as KeptAct);
      if (asked.but) acts = acts.where("act", "not in", asked.but);
      if (asked.words)
        acts = acts.where(
          sql<boolean>`strpos(lower(concat_ws(' ', reason, note, words)), lower(${asked.words})) > 0`,
        );
      if (beforeId) acts = acts.where("id", "<", beforeId);
      return acts.orderBy("id", "desc").limit(limit).execute();
    },
    /** The latest acts about each of these people and what is theirs. */
    async latestOf(ownerIds: readonly string[], limit: number): Promise<ActRow[]> {
      const { rows } = await sql<ActRow>`
        select a.* from unnest(${[...new Set(ownerIds)]}::int8[]) as o(id), lateral (
          select * from moderation.act where owner_id = o.id order by id desc limit ${limit}
        ) a order by a.id desc`.execute(db);
      return rows;
    },
    /** Those of these subjects, or some of all, of which whoever enforces it does not know everything. */
    late(subjectIds?: readonly string[]): Promise<StatusRow[]> {
      const late = db.selectFrom("status").selectAll().whereRef("enforced", "<", "last_act").limit(chunk);
      return (subjectIds ? late.where("subject_id", "in", subjectIds) : late).execute();
    },
    async setEnforced(rows: readonly Pick<StatusRow, "subject_id" | "last_act">[]): Promise<void> {
      await sql`
        update moderation.status s set enforced = greatest(s.enforced, w.act)
        from unnest(${rows.map((row) => row.subject_id)}::int8[], ${rows.map((row) => row.last_act)}::int8[]) as w(id, act)
        where s.subject_id = w.id`.execute(db);
    },
  };
}

/** The reports and appeals of these subjects are answered; who reported is believed more, or less, from now on. */
async function judge(on: Transaction<Tables>, subjectIds: readonly string[], upheld: boolean): Promise<void> {
  const column = upheld ? sql.ref("upheld") : sql.ref("dismissed");
  await sql`
    with judged as (
      update moderation.report set judged = true where subject_id = any(${subjectIds}::int8[]) and not judged
      returning reporter_id
    ), who as (select reporter_id, count(*) as n from judged group by 1 order by 1)
    update moderation.reporter r set ${column} = r.${column} + who.n::int4 from who where r.user_id = who.reporter_id`.execute(
    on,
  );
  await sql`
    update moderation.appeal set answered = true where subject_id = any(${subjectIds}::int8[]) and not answered`.execute(
    on,
  );
}

export type ActStore = ReturnType<typeof actStore>;
