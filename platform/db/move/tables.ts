import type { ClientBase } from "pg";

/** Makes the partitions that the tables of a schema have in one database in another one too. Those it has more than that stay. */
export async function copyPartitions(
  schema: string,
  { from, to }: { from: Pick<ClientBase, "query">; to: Pick<ClientBase, "query"> },
): Promise<void> {
  const partitions = `pg_inherits i join pg_class c on c.oid = i.inhrelid and c.relispartition and c.relkind = 'r'
     join pg_class p on p.oid = i.inhparent join pg_namespace n on n.oid = c.relnamespace and n.nspname = $1`;
  const namesIn = async (on: Pick<ClientBase, "query">) => {
    const { rows } = await on.query<{ name: string }>(`select c.relname as name from ${partitions}`, [
      schema,
    ]);
    return rows.map(({ name }) => name);
  };
  const there = new Set(await namesIn(to));
  const missing = (await namesIn(from)).filter((name) => !there.has(name));
  if (missing.length === 0) return;
  // Of no others, since the text of a bound takes a lock of the partition.
  const { rows } = await from.query<{ name: string; parent: string; bound: string }>(
    `select quote_ident(c.relname) as name, quote_ident(p.relname) as parent, pg_get_expr(c.relpartbound, c.oid) as bound
     from ${partitions} where c.relname = any($2) order by 1`,
    [schema, missing],
  );
  for (const { name, parent, bound } of rows)
    await to.query(`create table "${schema}".${name} partition of "${schema}".${parent} ${bound}`);
}

/** A table of a module, and what is needed to copy and to compare it. */
export interface MovedTable {
  name: string;
  /** Those that are stored; quoted. */
  columns: string[];
  /** The columns whose values a sequence gives; not quoted. */
  identities: string[];
}

/**
 * The tables of a schema, each after those it refers to, without those of the migrations. One with partitions is one table;
 * its partitions come and go while the schema is moved.
 */
export async function tablesOf(on: Pick<ClientBase, "query">, schema: string): Promise<MovedTable[]> {
  const { rows } = await on.query<MovedTable & { refers: string[] }>(
    `select quote_ident(c.relname) as name,
       array(select quote_ident(attname) from pg_attribute where attrelid = c.oid and attnum > 0
         and not attisdropped and attgenerated = '' order by attnum) as columns,
       array(select attname::text from pg_attribute where attrelid = c.oid and attidentity <> '') as identities,
       array(select quote_ident(r.relname) from pg_constraint f join pg_class r on r.oid = f.confrelid
         where f.conrelid = c.oid and f.contype = 'f' and r.oid <> c.oid) as refers
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition and c.relname not like 'kysely\\_migration%' order by 1`,
    [schema],
  );
  const ordered: typeof rows = [];
  const visit = (table: (typeof rows)[number]) => {
    if (ordered.includes(table)) return;
    for (const name of table.refers) {
      const found = rows.find((other) => other.name === name);
      if (found) visit(found);
    }
    ordered.push(table);
  };
  for (const table of rows) visit(table);
  return ordered.map(({ refers, ...table }) => table);
}
