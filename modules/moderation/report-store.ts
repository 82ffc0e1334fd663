import { type Selectable, sql } from "kysely";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import type { ModerationReason } from "#contracts/moderation-names.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { isFixed, maxReports, maxWaitingReports, weightOf } from "./rules.ts";
import { type Found, isClaimed, lockStatus, recountWaiting, type StatusRow } from "./status-rows.ts";
import type { Tables } from "./tables.ts";

export interface NewReport {
  subject: Found;
  reporterId: string;
  id: string;
  reason: ModerationReason;
  words: string;
  evidenceId: string | null;
}

/** Something that waits, with what was reported of it. */
export interface QueueRow extends StatusRow {
  reasons: Partial<Record<ModerationReason, number>>;
  texts: string[];
  evidence: string[];
  appeal: Selectable<Tables["appeal"]> | null;
}

/** Where a page of the queue goes on. */
export interface QueuePlace {
  since: string;
  weight: number;
}

/** A moderator sees this many of the texts that people wrote. */
const maxTexts = 3;

/** The SQL of reports, of appeals, and of what waits for moderators. */
export function reportStore(db: Kysely<Tables>) {
  return {
    /**
     * Adds a report unless this person has one about it, there are too many, or it never changes and was judged. Errors:
     * TOO_MANY_REQUESTS, SESSION_ENDED.
     */
    add: ({ subject, reporterId, id, reason, words, evidenceId }: NewReport): Promise<void> =>
      inTransaction(db, async (on) => {
        const reporter = await lockReporter(on, reporterId);
        if (reporter.gone) throw accountDeleted();
        const waiting = await sql<{ n: number }>`
          select count(*)::int4 as n from moderation.report where reporter_id = ${reporterId} and not judged`.execute(
          on,
        );
        if (waiting.rows[0]!.n >= maxWaitingReports)
          throw refusal("TOO_MANY_REQUESTS", "Moderators have not seen your other reports yet.");
        const [status] = await lockStatus(on, [subject]);
        if (isFixed(subject.kind) && status!.judged) return;
        await sql`
          insert into moderation.report (subject_id, reporter_id, id, reason, words, weight, evidence_id)
          select ${subject.id}, ${reporterId}, ${id}, ${reason}, ${words}, ${weightOf(reporter)}, ${evidenceId}::int8
          where ${maxReports} > (select count(*) from moderation.report where subject_id = ${subject.id} and not judged)
          on conflict do nothing`.execute(on);
        await recountWaiting(on, [subject.id]);
      }),
    /** Those of these reports that nobody has added. */
    async unknown(reports: readonly NewReport[]): Promise<NewReport[]> {
      const { rows } = await sql<{ subject_id: string; reporter_id: string }>`
        select subject_id, reporter_id from moderation.report
        join unnest(${reports.map(({ subject }) => subject.id)}::int8[], ${reports.map((one) => one.reporterId)}::int8[])
          as asked(subject_id, reporter_id) using (subject_id, reporter_id)`.execute(db);
      const known = new Set(rows.map((row) => `${row.subject_id} ${row.reporter_id}`));
      return reports.filter(({ subject, reporterId }) => !known.has(`${subject.id} ${reporterId}`));
    },
    /** Adds the appeal of whom an act concerns; the subject waits again. Error: APPEALED_ALREADY, SESSION_ENDED. */
    appeal: (subject: Found, appeal: { id: string; actId: string; words: string }): Promise<void> =>
      inTransaction(db, async (on) => {
        if ((await lockReporter(on, subject.ownerId)).gone) throw accountDeleted();
        await lockStatus(on, [subject]);
        const { numInsertedOrUpdatedRows } = await on
          .insertInto("appeal")
          .values({
            ...{ subject_id: subject.id, owner_id: subject.ownerId },
            ...{ act_id: appeal.actId, id: appeal.id, words: appeal.words },
          })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (!numInsertedOrUpdatedRows) throw refusal("APPEALED_ALREADY");
        await recountWaiting(on, [subject.id]);
      }),
    appealsOf: (ownerId: string, actIds: readonly string[]) =>
      actIds.length === 0
        ? Promise.resolve([])
        : db
            .selectFrom("appeal")
            .selectAll()
            .where("owner_id", "=", ownerId)
            .where("act_id", "in", actIds)
            .execute(),
    /** What waits, after a place: longest first, or by weight. What is reported meanwhile may be on two pages by weight. */
    async queue(
      { kind, byWeight }: { kind: string; byWeight: boolean },
      place: QueuePlace | undefined,
      limit: number,
    ): Promise<QueueRow[]> {
      const next = byWeight
        ? sql`(-weight, waiting_since) > (${-(place?.weight ?? 0)}, ${place?.since ?? "0"})`
        : sql`waiting_since > ${place?.since ?? "0"}`;
      const { rows } = await sql<QueueRow>`
        select s.*, r.*, to_jsonb(a) as appeal from (
          select * from moderation.status
          where waiting_since is not null and (${kind} = '' or kind = ${kind}) and ${place ? next : sql`true`}
          order by ${byWeight ? sql`weight desc, waiting_since` : sql`waiting_since`} limit ${limit}
        ) s cross join lateral (
          select coalesce((select jsonb_object_agg(reason, n) from (
              select reason, count(*) as n from moderation.report r where r.subject_id = s.subject_id and not judged group by 1
            ) c), '{}') as reasons,
            coalesce((array_agg(r.words order by r.id desc) filter (where r.words <> ''))[:${sql.lit(maxTexts)}], '{}') as texts,
            coalesce((array_agg(r.evidence_id::text order by r.id desc) filter (where r.evidence_id is not null))[:1], '{}') as evidence
          from moderation.report r where r.subject_id = s.subject_id and not judged
        ) r left join lateral (
          select subject_id::text, act_id::text, owner_id::text, id::text, words, answered from moderation.appeal a
          where a.subject_id = s.subject_id and not answered order by id limit 1
        ) a on true
        order by ${byWeight ? sql`s.weight desc, s.waiting_since` : sql`s.waiting_since`}`.execute(db);
      return rows;
    },
    /** Errors: NOT_FOUND, CLAIMED_BY_ANOTHER. */
    claim: (subjectId: string, moderatorId: string, untilMs: number | null): Promise<void> =>
      inTransaction(db, async (on) => {
        const row = await on
          .selectFrom("status")
          .selectAll()
          .where("subject_id", "=", subjectId)
          .where("waiting_since", "is not", null)
          .forUpdate()
          .executeTakeFirst();
        if (!row) throw refusal("NOT_FOUND");
        if (row.claimed_by !== moderatorId && isClaimed(row, Date.now())) throw refusal("CLAIMED_BY_ANOTHER");
        await on
          .updateTable("status")
          .set(
            untilMs === null
              ? { claimed_by: null, claimed_until: null }
              : { claimed_by: moderatorId, claimed_until: new Date(untilMs) },
          )
          .where("subject_id", "=", subjectId)
          .execute();
      }),
    /** What is kept of messages for the reports of these subjects that were judged. */
    async judgedEvidence(subjectIds: readonly string[]): Promise<string[]> {
      const { rows } = await sql<{ evidence_id: string }>`
        select evidence_id from moderation.report
        where subject_id = any(${subjectIds}::int8[]) and judged and evidence_id is not null`.execute(db);
      return rows.map((row) => row.evidence_id);
    },
    /** Things that are not there any more wait for nobody: these, and the comments of these videos. */
    async forget(subjectIds: readonly string[], videoIds: readonly string[]): Promise<void> {
      await sql`
        update moderation.status set waiting_since = null, weight = 0, claimed_by = null
        where waiting_since is not null
          and (subject_id = any(${subjectIds}::int8[]) or video_id = any(${videoIds}::int8[]))`.execute(db);
    },
    /** What a deleted person reported and appealed goes; what was theirs waits for nobody. */
    forgetPerson: (userId: string): Promise<void> =>
      inTransaction(db, async (on) => {
        await lockReporter(on, userId);
        await on
          .updateTable("reporter")
          .set({ gone: true, upheld: 0, dismissed: 0 })
          .where("user_id", "=", userId)
          .execute();
        await on.deleteFrom("appeal").where("owner_id", "=", userId).execute();
        const reports = await on
          .deleteFrom("report")
          .where("reporter_id", "=", userId)
          .returning("subject_id")
          .execute();
        await recountWaiting(
          on,
          reports.map((row) => row.subject_id),
        );
        // What was theirs is gone, and so is what was said of it; acts stay.
        await sql`
          with gone as (delete from moderation.status where owner_id = ${userId} returning subject_id)
          delete from moderation.report r using gone where r.subject_id = gone.subject_id`.execute(on);
      }),
  };
}

async function lockReporter(on: Transaction<Tables>, userId: string) {
  await on
    .insertInto("reporter")
    .values({ user_id: userId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return on
    .selectFrom("reporter")
    .select(["upheld", "dismissed", "gone"])
    .where("user_id", "=", userId)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

export type ReportStore = ReturnType<typeof reportStore>;
