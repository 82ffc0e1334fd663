import { sql } from "kysely";
import { type Kysely, withSignal } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import { actsOfGone } from "./act-store.ts";
import { dropPictures } from "./picture-store.ts";
import type { Tables } from "./tables.ts";

/** Messages removed in one transaction; of pictures fewer, since each has jobs. */
const chunk = 2_000;
const pictureChunk = 200;

/** Removes what was said in a group without people. */
export function removeGroup(db: Kysely<Tables>, jobs: Jobs): JobKind {
  return {
    maxAttempts: 5,
    timeoutMs: 600_000,
    async run({ key: groupId, signal, finish }) {
      const until = withSignal(signal, db);
      for (let more = true; more; )
        more = await inTransaction(until, async (on) => {
          const pictures = sql`p.ctid = any (array(
            select ctid from message.picture where low_id = 0 and high_id = ${groupId}::int8
            order by message_id limit ${pictureChunk}))`;
          if ((await dropPictures(on, jobs, pictures)) === pictureChunk) return true;
          const { rows } = await sql<{ count: number }>`
            with gone as (
              delete from message.message where low_id = 0 and high_id = ${groupId}::int8 and id = any(array(
                select id from message.message where low_id = 0 and high_id = ${groupId}::int8 order by id limit ${chunk}
              )) returning low_id, high_id, id
            ), ${actsOfGone}, people as (
              delete from message.notice_person where group_id = ${groupId}::int8 and message_id in (select id from gone)
            )
            select count(*)::int4 from gone`.execute(on);
          if (rows[0]!.count === chunk) return true;
          await finish(on);
          return false;
        });
    },
  };
}
