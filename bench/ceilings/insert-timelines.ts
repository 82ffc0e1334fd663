import pg from "pg";
import { answerQuestions } from "../worker.ts";

export interface TimelineInserts {
  url: string;
  /** Whose timelines; a row for each in one statement. */
  userIds: string[];
  durationMs: number;
}

let pool: pg.Pool | undefined;
/** Above any number that a timeline has. */
let seq = 1_000_000_000;

/** Rows per second of bare inserts into the timelines, one connection, a transaction for every thousand. */
answerQuestions(async ({ url, userIds, durationMs }: TimelineInserts): Promise<number> => {
  pool ??= new pg.Pool({ connectionString: url, max: 1 });
  const startedMs = performance.now();
  let rows = 0;
  for (; performance.now() - startedMs < durationMs; rows += userIds.length)
    await pool.query(
      `insert into message.timeline (user_id, seq, kind, at_ms, peer_id, subject_id, actor_id)
       select user_id, $2::int8, 1, $3::int8, 1, $2::int8, 0 from unnest($1::int8[]) as r(user_id)`,
      [userIds, ++seq, Date.now()],
    );
  return (rows / (performance.now() - startedMs)) * 1000;
});
