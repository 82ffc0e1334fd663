import type { Pool } from "pg";
import { type LoggedEvent, readTail } from "./admin.ts";

/** So many of each log that is followed are read at once. */
const atOnce = 1_000;

/**
 * Reads several logs together: the newest `limit` events of all of them first, and with every further call what has come
 * since, the oldest first.
 */
export function allTails<Log extends { pool: Pool }>(
  logs: readonly Log[],
  { types, limit }: { types: string[] | undefined; limit: number },
): () => Promise<(LoggedEvent & { log: Log })[]> {
  const after = logs.map(() => "");
  let isFirst = true;
  return async () => {
    const found = await Promise.all(
      logs.map(async (log, i) => {
        const from = isFirst ? { limit } : { limit: atOnce, after: after[i]! };
        const rows = await readTail(log.pool, { types, ...from });
        after[i] = rows.at(-1)?.position ?? (after[i] || "0");
        return rows.map((row) => ({ ...row, log }));
      }),
    );
    // Positions of different logs say nothing about each other.
    const rows = logs.length === 1 ? found[0]! : found.flat().sort((a, b) => a.at.getTime() - b.at.getTime());
    const shown = isFirst ? rows.slice(-limit) : rows;
    isFirst = false;
    return shown;
  };
}
