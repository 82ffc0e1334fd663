import type { ClientBase, QueryConfig } from "pg";
import { refusal } from "../../errors/reasons.ts";
import type { Change, ReplicatedTable, Tuple } from "./pgoutput.ts";

export type RowChange = Exclude<Change, { kind: "commit" }>;
type Insert = Extract<Change, { kind: "insert" }>;

/** Of one statement: PostgreSQL takes 65,535. */
const maxParameters = 20_000;

/**
 * Applies changes, in their order, to the tables of the same names in a schema. Rows that are inserted one after the other
 * go in with one statement. Error: MOVE_DIFFERS, when a change does not fit what is there.
 */
export async function applyChanges(
  on: ClientBase,
  schema: string,
  changes: readonly RowChange[],
): Promise<void> {
  const named = ({ name }: ReplicatedTable) => `"${schema}"."${name}"`;
  for (let at = 0; at < changes.length; ) {
    const change = changes[at]!;
    if (change.kind === "truncate") {
      await on.query(`truncate ${change.tables.map(named).join(", ")}`);
      at++;
      continue;
    }
    const inserts = change.kind === "insert" ? insertsFrom(changes, at) : [];
    const name = named(change.table);
    const statement = change.kind === "insert" ? insertAll(name, inserts) : changeOne(name, change);
    const expected = inserts.length || 1;
    const { rowCount } = await on.query(statement);
    if (rowCount !== expected)
      throw refusal("MOVE_DIFFERS", {
        table: `${schema}.${change.table.name}`,
        before: `${expected} rows for a change (${change.kind})`,
        after: `${rowCount} rows`,
      });
    at += expected;
  }
}

const givenColumns = ({ columns }: ReplicatedTable, tuple: Tuple) =>
  columns.flatMap(({ name }, i) => (tuple[i] === undefined ? [] : [{ name: `"${name}"`, value: tuple[i]! }]));

/** Those that follow each other from a place on, into one table and with one description of it. */
function insertsFrom(changes: readonly RowChange[], from: number): Insert[] {
  const first = changes[from] as Insert;
  const most = Math.max(1, Math.floor(maxParameters / Math.max(1, first.table.columns.length)));
  const found: Insert[] = [];
  for (let at = from; at < changes.length && found.length < most; at++) {
    const change = changes[at]!;
    if (change.kind !== "insert" || change.table !== first.table) break;
    found.push(change);
  }
  return found;
}

function insertAll(table: string, inserts: Insert[]): QueryConfig {
  const values: (string | null)[] = [];
  const rows = inserts.map(({ table: described, row }) => {
    const places = givenColumns(described, row).map(({ value }) => `$${values.push(value)}`);
    return `(${places.join(", ")})`;
  });
  const names = givenColumns(inserts[0]!.table, inserts[0]!.row).map(({ name }) => name);
  return {
    text: `insert into ${table} (${names.join(", ")}) overriding system value values ${rows.join(", ")}`,
    values,
  };
}

function changeOne(name: string, change: Extract<Change, { kind: "update" | "delete" }>): QueryConfig {
  const { table } = change;
  const values: (string | null)[] = [];
  const place = (value: string | null) => `$${values.push(value)}`;
  const equals = table.isWhole ? "is not distinct from" : "=";
  const isRow = (tuple: Tuple) => {
    const key = table.columns
      .flatMap(({ name, isKey }, i) => (isKey ? [`"${name}" ${equals} ${place(tuple[i]!)}`] : []))
      .join(" and ");
    // Without a key there may be several that are the same: any one of them is meant.
    return table.isWhole ? `ctid = (select ctid from ${name} where ${key} limit 1)` : key;
  };
  const set = (row: Tuple) =>
    givenColumns(table, row)
      .map(({ name, value }) => `${name} = ${place(value)}`)
      .join(", ");
  const text =
    change.kind === "update"
      ? `update ${name} set ${set(change.row)} where ${isRow(change.before ?? change.row)}`
      : `delete from ${name} where ${isRow(change.before)}`;
  return { text, values };
}
