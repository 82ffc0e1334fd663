const creating = /^create (?:unique )?index concurrently if not exists (\w+) on /i;
const dropping = /^drop index concurrently if exists /i;

/** Whether a migration builds or drops an index while readers and writers go on. It must be one statement. */
export function isConcurrent(text: string): boolean {
  return /\bconcurrently\b/i.test(text);
}

/**
 * Builds or drops an index outside of a transaction. An attempt that was cut off leaves an index that is kept up to date
 * and never used: it is removed first.
 */
export async function buildIndex(
  query: (text: string) => Promise<unknown>,
  schema: string,
  text: string,
): Promise<void> {
  const statement = text.trim().replaceAll(/\s+/g, " ");
  const name = creating.exec(statement)?.[1];
  if (!name && !dropping.test(statement))
    throw new Error('write: create index concurrently if not exists name on …, or "drop" in its place');
  if (name && (await isInvalid(query, schema, name)))
    await query(`drop index concurrently "${schema}"."${name}"`);
  await query(statement);
}

async function isInvalid(
  query: (text: string) => Promise<unknown>,
  schema: string,
  name: string,
): Promise<boolean> {
  const { rows } = (await query(
    `select from pg_index where not indisvalid and indexrelid = to_regclass('"${schema}"."${name}"')`,
  )) as { rows: unknown[] };
  return rows.length > 0;
}
