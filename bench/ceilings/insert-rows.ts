import pg from "pg";
import { answerQuestions } from "../worker.ts";

export interface SingleInserts {
  url: string;
  /** As many at once as ours has. */
  callers: number;
  durationMs: number;
}

/** Like the server's own pool. */
const maxConnections = 16;
let pool: pg.Pool | undefined;
let last = 0;

/** Single-row insert transactions per second, each durable before the next of the same caller. */
answerQuestions(async ({ url, callers, durationMs }: SingleInserts): Promise<number> => {
  if (!pool) {
    pool = new pg.Pool({ connectionString: url, max: maxConnections });
    await pool.query(
      "create table if not exists public.bench_pair (one int8, other int8, id int8, primary key (one, other))",
    );
    await pool.query("truncate public.bench_pair");
  }
  const startedMs = performance.now();
  let inserted = 0;
  const loop = async () => {
    while (performance.now() - startedMs < durationMs) {
      const id = ++last;
      await pool!.query("insert into public.bench_pair values ($1, $2, $3)", [id % 10_000, id, id]);
      inserted++;
    }
  };
  await Promise.all(Array.from({ length: callers }, loop));
  return (inserted / (performance.now() - startedMs)) * 1000;
});
