import pg from "pg";
import { answerQuestions } from "../worker.ts";

export interface InboxInserts {
  url: string;
  /** The inboxes have the ids after it. */
  base: string;
  rows: number;
}

/** As many rows per statement and transaction as a delivery has. */
const atOnce = 1000;
let pool: pg.Pool | undefined;
let video = 0;

/** Rows per second of bare inserts into the inboxes' table, one entry for each of as many people. */
answerQuestions(async ({ url, base, rows }: InboxInserts): Promise<number> => {
  pool ??= new pg.Pool({ connectionString: url, max: 1 });
  video++;
  const startedMs = performance.now();
  for (let from = 1; from <= rows; from += atOnce) {
    const ids = Array.from({ length: atOnce }, (_, i) => String(BigInt(base) + BigInt(from + i)));
    await pool.query(
      `insert into feed.inbox (user_id, published_ms, video_id, author_id)
       select user_id, $2::int8, $2::int8, 1 from unnest($1::int8[]) as r(user_id)`,
      [ids, video],
    );
  }
  return (rows / (performance.now() - startedMs)) * 1000;
});
