import type { Pool } from "pg";

/** Of the one backup of a database that is being taken. */
const lock = "hashtextextended('douya.backup', 0)";

/** What a restoration must know of a database. */
export async function serverFacts(pool: Pool): Promise<{ name: string; role: string; bytes: number }> {
  const { rows } = await pool.query<{ name: string; role: string; bytes: string }>(
    `select current_database() as name, current_user as role,
       (select sum(pg_database_size(oid)) from pg_database where has_database_privilege(oid, 'connect')) as bytes`,
  );
  const { name, role, bytes } = rows[0]!;
  return { name, role, bytes: Number(bytes) };
}

/** Until the function that it resolves with is called, nobody else gets it; undefined: somebody has it. */
export async function lockBackups(pool: Pool): Promise<(() => void) | undefined> {
  const session = await pool.connect();
  const { rows } = await session.query<{ mine: boolean }>(`select pg_try_advisory_lock(${lock}) as mine`);
  if (rows[0]!.mine) return () => session.release(true);
  session.release();
  return undefined;
}

/** The migrations that a database has, by schema. */
export async function readMigrations(
  pool: Pool,
  schemas: readonly string[],
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const schema of schemas) {
    const { rows } = await pool.query<{ name: string }>(
      `select name from "${schema}".kysely_migration order by name`,
    );
    found[schema] = rows.map(({ name }) => name);
  }
  return found;
}
