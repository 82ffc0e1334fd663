import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { maxInterests } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** For each of these people, the authors of the videos that they recently liked and commented on. */
export type FindInterests = (userIds: string[]) => Promise<string[][]>;

export function interestStore(db: Kysely<Tables>): FindInterests {
  return async (userIds) => {
    const { rows } = await sql<{ author_ids: string[] }>`
      select array(
        select distinct v.author_id from (
          (select video_id from interaction.reaction where user_id = u.user_id and reaction = 1
            order by id desc limit ${maxInterests}::int)
          union
          (select video_id from interaction.comment where author_id = u.user_id
            order by id desc limit ${maxInterests}::int)
        ) liked join interaction.video v on v.video_id = liked.video_id and not v.removed
        where v.author_id <> u.user_id
      ) as author_ids
      from unnest(${userIds}::int8[]) with ordinality as u(user_id, i) order by u.i`.execute(db);
    return rows.map((row) => row.author_ids);
  };
}
