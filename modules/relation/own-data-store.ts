import { type RawBuilder, sql } from "kysely";
import type { BothLanguages, OwnData, OwnFile } from "#platform/export/own-data.ts";
import { isoTime } from "#platform/export/own-data.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import type { Tables } from "./tables.ts";

/** People of `table`, where `own` is this person's column and `other` the column of whom it names. */
function people(
  about: BothLanguages,
  [table, own, other]: [table: RawBuilder<unknown>, own: RawBuilder<unknown>, other: RawBuilder<unknown>],
): OwnFile<Tables> {
  return {
    about,
    async page(db, userId, after = "0", limit) {
      const { rows } = await sql<{ id: string; other: string }>`
        select id, ${other} as other from ${table}
        where ${own} = ${userId} and id > ${after}::int8 order by id limit ${limit}`.execute(db);
      return rows.map(({ id, other }) => ({
        key: id,
        fields: { at: isoTime(timeOfId(id)) },
        people: { person: other },
      }));
    },
  };
}

/** Whom others have blocked is theirs. */
export const ownData: OwnData<Tables> = {
  files: {
    following: people({ en: "People you follow", zh: "你关注的人" }, [
      sql`relation.follow`,
      sql`follower_id`,
      sql`followee_id`,
    ]),
    followers: people({ en: "People who follow you", zh: "关注你的人" }, [
      sql`relation.follow`,
      sql`followee_id`,
      sql`follower_id`,
    ]),
    blocked: people({ en: "People you blocked", zh: "你屏蔽的人" }, [
      sql`relation.block`,
      sql`blocker_id`,
      sql`blocked_id`,
    ]),
  },
};
