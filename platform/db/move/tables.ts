import type { ClientBase } from "pg";

/** A table of a module, and what is needed to copy and to compare it. */
export interface MovedTable {
  name: string;
  /** Those that are stored; quoted. */
  columns: string[];
  /** The columns whose values a sequence gives; not quoted. */
  identities: string[];
}

/** The tables of a schema, each after those it refers to, without those of the migrations. */
export async function tablesOf(on: Pick<ClientBase, "query">, schema: string): Promise<MovedTable[]> {
  const { rows } = await on.query<MovedTable & { refers: string[] }>(
    `select quote_ident(c.relname) as name,
       array(select quote_ident(attname) from pg_attribute where attrelid = c.oid and attnum > 0
         and not attisdropped and attgenerated = '' order by attnum) as columns,
       array(select attname::text from pg_attribute where attrelid = c.oid and attidentity <> '') as identities,
       array(select quote_ident(r.relname) from pg_constraint f join pg_class r on r.oid = f.confrelid
         where f.conrelid = c.oid and f.contype = 'f' and r.oid <> c.oid) as refers
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relkind = 'r' and c.relname not like 'kysely\\_migration%' order by 1`,
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
