import type { ClientBase } from "pg";
import { patiently } from "../patiently.ts";
import type { MovedTable } from "./tables.ts";

const buckets = 1_024;
const most = 10;

/**
 * The rows of a table in which two databases differ, as text; some of them, when there are many. Rows are compared by
 * checksums of about a thousandth of the table, and those that differ one by one.
 */
export async function differingRows(
  source: ClientBase,
  target: ClientBase,
  schema: string,
  { name, columns }: MovedTable,
): Promise<string[]> {
  const row = `row(${columns.join(", ")})::text`;
  const hash = (bits: number) => `('x' || left(md5(${row}), ${bits / 4}))::bit(${bits})`;
  const bucket = `${hash(32)}::int & ${buckets - 1}`;
  const sumsOf = async (on: ClientBase) => {
    const { rows } = await on.query<{ bucket: number; sum: string }>(
      patiently(`select ${bucket} as bucket, count(*) || ' ' || sum(${hash(60)}::int8) as sum
        from "${schema}".${name} group by 1`),
    );
    return new Map(rows.map((one) => [one.bucket, one.sum]));
  };
  const [before, after] = [await sumsOf(source), await sumsOf(target)];
  const differing = [...new Set([...before.keys(), ...after.keys()])].filter(
    (one) => before.get(one) !== after.get(one),
  );
  if (differing.length === 0) return [];
  const rowsOf = async (on: ClientBase) => {
    const text = `select ${row} as text from "${schema}".${name} where (${bucket}) = any($1)`;
    const { rows } = await on.query<{ text: string }>({
      ...patiently(text),
      values: [differing.slice(0, most)],
    });
    return new Set(rows.map((one) => one.text));
  };
  const [there, here] = [await rowsOf(source), await rowsOf(target)];
  const missing = [...there].filter((one) => !here.has(one)).map((one) => `${one} is missing`);
  const extra = [...here].filter((one) => !there.has(one)).map((one) => `${one} is too much`);
  return [...missing, ...extra].slice(0, most);
}
