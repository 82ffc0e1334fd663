import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { answerQuestions } from "../worker.ts";

export interface CopiedPlays {
  url: string;
  durationMs: number;
  /** Rows of one COPY: as many as one batch of reports stores. */
  rows: number;
}

let pool: pg.Pool | undefined;
let lane = Date.now();

/** Rows per second of bare COPY into a table like that of what players tell, one connection, a transaction for each. */
answerQuestions(async ({ url, durationMs, rows }: CopiedPlays): Promise<number> => {
  if (!pool) {
    pool = new pg.Pool({ connectionString: url, max: 1 });
    await pool.query("create table if not exists copied_plays (like playback.raw including all)");
  }
  await pool.query("truncate copied_plays");
  lane++;
  const client = await pool.connect();
  const startedMs = performance.now();
  let copied = 0;
  try {
    for (; performance.now() - startedMs < durationMs; copied += rows) {
      const nowMs = Date.now();
      const text = Array.from({ length: rows }, (_, i) =>
        [
          ...[nowMs - i, 385943983282454528n + BigInt(i % 10_000), 461_168_601_842_738n * BigInt(i + 1)],
          ...[7_000_000_000_000_000_000n + BigInt(copied + i), i % 4, lane, copied + i + 1],
          ...[385943978547085312n, "f", 10_047, 1, 3_000, 3_000, 0, "f", nowMs],
        ].join("\t"),
      );
      await pipeline(
        Readable.from([`${text.join("\n")}\n`]),
        client.query(copyFrom("copy copied_plays from stdin")),
      );
    }
  } finally {
    client.release();
  }
  return (copied / (performance.now() - startedMs)) * 1000;
});
