import type { ClientBase, CustomTypesConfig } from "pg";
import { patiently } from "../patiently.ts";
import type { MovedTable } from "./tables.ts";

/** Values in PostgreSQL's own text form, which nothing is lost in. */
const asText = { getTypeParser: () => (value: unknown) => value } as unknown as CustomTypesConfig;
const rowsAtOnce = 2_000;
/** PostgreSQL takes 65,535 in one statement. */
const maxParameters = 60_000;

/** Copies a table as the source's transaction sees it. `onRows` is told how many more rows are there. */
export async function copyTable(
  { name, columns }: MovedTable,
  schema: string,
  { from, to, onRows }: { from: ClientBase; to: ClientBase; onRows: (count: number) => void },
): Promise<void> {
  const list = columns.join(", ");
  const most = Math.min(rowsAtOnce, Math.floor(maxParameters / columns.length));
  await from.query(`declare moving no scroll cursor for select ${list} from "${schema}".${name}`);
  for (;;) {
    const text = `fetch ${most} from moving`;
    const { rows } = await from.query<unknown[]>({ text, rowMode: "array", types: asText });
    if (rows.length === 0) break;
    const places = rows.map(
      (_, i) => `(${columns.map((_, j) => `$${i * columns.length + j + 1}`).join(", ")})`,
    );
    await to.query(
      `insert into "${schema}".${name} (${list}) overriding system value values ${places.join(", ")}`,
      rows.flat(),
    );
    onRows(rows.length);
  }
  await from.query("close moving");
}

/** Lets the identity columns of a table go on where those of the source are. */
export async function copyIdentities(
  { name, identities }: MovedTable,
  schema: string,
  { from, to }: { from: ClientBase; to: ClientBase },
): Promise<void> {
  for (const column of identities) {
    const sequence = "select pg_get_serial_sequence($1, $2) as sequence";
    const of = await from.query<{ sequence: string }>(sequence, [`"${schema}".${name}`, column]);
    const { rows } = await from.query<{ last: string; called: boolean }>(
      `select last_value as last, is_called as called from ${of.rows[0]!.sequence}`,
    );
    await to.query("select setval(pg_get_serial_sequence($1, $2), $3, $4)", [
      ...[`"${schema}".${name}`, column],
      ...[rows[0]!.last, rows[0]!.called],
    ]);
  }
}

/** The number of rows and a checksum over all of them, whatever their order: equal on both sides when nothing differs. */
export async function checksumOf(
  on: ClientBase,
  schema: string,
  { name, columns }: MovedTable,
): Promise<string> {
  const { rows } = await on.query<{ sum: string }>(
    patiently(`select count(*) || ' rows, checksum ' || coalesce(sum(('x' || left(md5(row(${columns.join(", ")})::text), 15))::bit(60)::int8), 0) as sum
     from "${schema}".${name}`),
  );
  return rows[0]!.sum;
}
