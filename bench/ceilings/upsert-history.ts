import pg from "pg";
import { answerQuestions } from "../worker.ts";

export interface HistoryUpserts {
  url: string;
  userIds: string[];
  videoIds: string[];
  durationMs: number;
}

const batch = 2_000;
let pool: pg.Pool | undefined;
let round = 0;

/** Rows per second of bare multi-row upserts into the history, one connection, a transaction for each statement. */
answerQuestions(async ({ url, userIds, videoIds, durationMs }: HistoryUpserts): Promise<number> => {
  pool ??= new pg.Pool({ connectionString: url, max: 1 });
  await pool.query("create table if not exists upserted_history (like playback.history including all)");
  const startedMs = performance.now();
  let rows = 0;
  for (; performance.now() - startedMs < durationMs; rows += batch) {
    const numbers = Array.from({ length: batch }, (_, i) => rows + i);
    round++;
    await pool.query(
      `insert into upserted_history (user_id, video_id, at_ms, position_ms, picture, ended)
       select user_id, video_id, $3::int8, $4::int4, 0, false from unnest($1::int8[], $2::int8[]) t(user_id, video_id)
       on conflict (user_id, video_id) do update set at_ms = excluded.at_ms, position_ms = excluded.position_ms`,
      [
        numbers.map((n) => userIds[n % userIds.length]),
        numbers.map((n) => videoIds[Math.floor(n / userIds.length) % videoIds.length]),
        Date.now(),
        round,
      ],
    );
  }
  return (rows / (performance.now() - startedMs)) * 1000;
});
