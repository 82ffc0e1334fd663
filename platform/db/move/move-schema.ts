import type { ClientBase, PoolClient } from "pg";
import { refusal } from "../../errors/reasons.ts";
import type { Database } from "../database.ts";
import { patiently } from "../patiently.ts";
import { lockPlacements, noteInUse } from "../placement.ts";
import { checksumOf, copyIdentities, copyTable } from "./copy-table.ts";
import { copyPartitions, tablesOf } from "./tables.ts";

export interface Move {
  module: string;
  /** Where the module's tables are, and where they go; there its schema is migrated. */
  from: Database;
  to: Database;
  /** The one of both that knows where modules are. */
  main: Database;
  /** Changes what it knows, in the transaction with which the move takes effect. Error: when it may not. */
  record(on: ClientBase): Promise<void>;
  onProgress: (what: string, done: number, total: number) => void;
}

/** The schema as it was before the move, which nobody uses any more. */
export function keptSchema(module: string): string {
  return `${module}_before_move`;
}

/**
 * Moves a module's schema, its offsets and its dead letters into another database, and compares what arrived. Nobody may
 * work with them meanwhile. It takes effect with one commit in the main database. A move that ends before has changed
 * nothing that anybody uses, and begins from the start when it is repeated. Errors: MOVE_DIFFERS, SCHEMAS_DIFFER.
 */
export async function moveSchema({ module, from, to, main, record, onProgress }: Move): Promise<void> {
  const [source, target] = [await from.pool.connect(), await to.pool.connect()];
  const kept = keptSchema(module);
  try {
    for (const client of [source, target])
      await client.query(
        "begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local timezone = 'UTC'",
      );
    const knowing = main === from ? source : target;
    await lockPlacements(knowing);
    await copyAll(module, { source, target, onProgress });
    await moveOffsets(module, { source, target });
    await source.query(
      `drop schema if exists "${kept}" cascade; alter schema "${module}" rename to "${kept}"`,
    );
    // It may have left this one before.
    if (to !== main) await target.query("update placement.database set left_at = null");
    // In the same commit: nobody repeats a move back that ends right after it.
    if (from !== main) await noteInUse(source, false);
    await record(knowing);
    // The main one last, when the other has what it then says, or first, when it has everything itself.
    await target.query("commit");
    await source.query("commit");
  } finally {
    // A connection that is closed rolls back.
    source.release(true);
    target.release(true);
  }
}

async function copyAll(
  module: string,
  clients: { source: PoolClient; target: PoolClient; onProgress: Move["onProgress"] },
): Promise<void> {
  const { source, target, onProgress } = clients;
  const tables = await tablesOf(source, module);
  const there = await tablesOf(target, module);
  if (JSON.stringify(tables) !== JSON.stringify(there)) throw refusal("SCHEMAS_DIFFER", { module });
  await copyPartitions(module, { from: source, to: target });
  const all = (names: string[]) => names.map((name) => `"${module}".${name}`).join(", ");
  const names = tables.map(({ name }) => name);
  // What a trigger counts is copied as well. Foreign keys stay, so this needs no right beside owning the tables.
  const triggers = (what: "disable" | "enable") =>
    target.query(names.map((name) => `alter table "${module}".${name} ${what} trigger user`).join("; "));
  await source.query(`lock table ${all(names)} in access exclusive mode`);
  await target.query(`truncate ${all(names)}`);
  await triggers("disable");
  const total = await rowsOf(source, module, names);
  let done = 0;
  for (const table of tables) {
    const onRows = (count: number) => {
      done += count;
      onProgress(module, done, total);
    };
    await copyTable(table, module, { from: source, to: target, onRows });
    await copyIdentities(table, module, { from: source, to: target });
  }
  await triggers("enable");
  for (const table of tables) {
    const [before, after] = [
      await checksumOf(source, module, table),
      await checksumOf(target, module, table),
    ];
    if (before !== after) throw refusal("MOVE_DIFFERS", { table: `${module}.${table.name}`, before, after });
  }
}

async function rowsOf(on: ClientBase, schema: string, names: string[]): Promise<number> {
  const counts = names.map((name) => `(select count(*) from "${schema}".${name})`).join(" + ");
  const { rows } = await on.query<{ total: string }>(patiently(`select ${counts} as total`));
  return Number(rows[0]!.total);
}

/** Of the module's groups, which are called after it. */
async function moveOffsets(
  module: string,
  { source, target }: { source: ClientBase; target: ClientBase },
): Promise<void> {
  await copyOffsets(module, { source, target });
  await dropOffsets(module, source);
}

const groups = `where split_part(group_name, '.', 1) = $1`;

/** In the place of what the target has of these groups. Nobody owns a partition there. */
export async function copyOffsets(
  module: string,
  { source, target }: { source: ClientBase; target: ClientBase },
): Promise<void> {
  await dropOffsets(module, target);
  for (const table of ["consumer_group", "consumer", "dead"]) {
    // As text, so that nothing is lost on the way.
    const { rows } = await source.query<{ row: string }>(
      `select to_jsonb(t)::text as row from events.${table} t ${groups}`,
      [module],
    );
    await target.query(
      `insert into events.${table} select (jsonb_populate_record(null::events.${table}, r::jsonb)).* from unnest($1::text[]) r`,
      [rows.map(({ row }) => row)],
    );
  }
  await target.query(`update events.consumer set owner = null, term = term + 1 ${groups}`, [module]);
}

export async function dropOffsets(module: string, on: Pick<ClientBase, "query">): Promise<void> {
  for (const table of ["dead", "consumer", "consumer_group", "member"])
    await on.query(`delete from events.${table} ${groups}`, [module]);
}

/** The same in a database that the module has left; nothing where its tables are, or are about to be. */
export async function dropLeftOffsets(module: string, on: Pick<ClientBase, "query">): Promise<void> {
  for (const table of ["dead", "consumer", "consumer_group", "member"])
    await on.query(`delete from events.${table} ${groups} and to_regclass($2) is null`, [
      module,
      `"${module}".kysely_migration`,
    ]);
}
