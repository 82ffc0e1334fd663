import pg from "pg";
import { onTestFinished } from "vitest";

/**
 * Runs a statement that takes locks, and keeps them until the answer is called or the test ends. Work that wants them is
 * not over before it was seen, however fast it is.
 */
export async function holdLocks(databaseUrl: string, statement: string): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: databaseUrl });
  await holder.connect();
  onTestFinished(() => holder.end());
  await holder.query(`begin; ${statement}`);
  return () => holder.end();
}

/** Nobody writes to this table. */
export const holdTable = (databaseUrl: string, table: string) =>
  holdLocks(databaseUrl, `lock table ${table} in share mode`);
