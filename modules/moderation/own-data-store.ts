import { sql } from "kysely";
import { isoTime, type OwnData } from "#platform/export/own-data.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { untold } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** Who has reported what is theirs, who decided about it, and what moderators say to each other is not. */
export const ownData: OwnData<Tables> = {
  files: {
    reports: {
      about: { en: "What you reported to the moderation team", zh: "你向管理团队举报的内容" },
      async page(db, userId, after = "0", limit) {
        const rows = await db
          .selectFrom("report")
          .innerJoin("status", "status.subject_id", "report.subject_id")
          .select(["report.id", "report.subject_id", "status.kind", "report.reason", "report.words"])
          .where("report.reporter_id", "=", userId)
          .where("report.id", ">", after)
          .orderBy("report.id")
          .limit(limit)
          .execute();
        return rows.map(({ id, subject_id, kind, reason, words: text }) => ({
          key: id,
          fields: { at: isoTime(timeOfId(id)), kind, id: subject_id, reason, text },
        }));
      },
    },
    decisions: {
      about: {
        en: "What the moderation team decided about you and what you posted",
        zh: "管理团队对你和你发布的内容作出的决定",
      },
      async page(db, userId, after = "0", limit) {
        const { rows } = await sql<Decision>`
          select a.id, a.kind, a.subject_id, a.act, a.reason, a.words, a.until_ms, p.words as appeal
          from moderation.act a left join moderation.appeal p on p.subject_id = a.subject_id and p.act_id = a.id
          where a.owner_id = ${userId} and a.id > ${after}::int8 and a.act <> all(${untold}::text[])
          order by a.id limit ${limit}`.execute(db);
        return rows.map(({ id, kind, subject_id, act, reason, words: text, until_ms, appeal }) => ({
          key: id,
          fields: {
            ...{ at: isoTime(timeOfId(id)), kind, id: subject_id, act, reason, text },
            ...{ until: isoTime(until_ms), appeal },
          },
        }));
      },
    },
  },
};

type Decision = Pick<Tables["act"], "id" | "kind" | "subject_id" | "act" | "reason" | "words"> & {
  until_ms: string | null;
  appeal: string | null;
};
