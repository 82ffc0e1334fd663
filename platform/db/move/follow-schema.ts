import type { PoolClient } from "pg";
import { refusal } from "../../errors/reasons.ts";
import type { Database } from "../database.ts";
import { patiently } from "../patiently.ts";
import { applyChanges, type RowChange } from "./apply-changes.ts";
import { changeStream, positionOf } from "./change-stream.ts";
import { hasTriggers } from "./check-needs.ts";
import { differingRows } from "./compare-rows.ts";
import { copyIdentities, copyTable } from "./copy-table.ts";
import type { Move } from "./move-schema.ts";
import { copyPartitions, type MovedTable, tablesOf } from "./tables.ts";

/** A copy of a module's tables in another database, that follows what is changed in them. */
export interface FollowedSchema {
  tables: readonly MovedTable[];
  /** Applies everything that was committed before; gives the number of changes. */
  catchUp(): Promise<number>;
  /** Finds that every row is the same on both sides, at one moment. Error: MOVE_DIFFERS. */
  compare(): Promise<void>;
  /** Lets the identity columns of the copy go on where those of the source are. */
  copyIdentities(source: PoolClient): Promise<void>;
  /** Nothing is kept for it any more. */
  end(): Promise<void>;
}

/** What the two sides are and how much is told of it. `stream` is the name of the replication slot. */
export interface Following extends Pick<Move, "module" | "from" | "to" | "onProgress"> {
  stream: string;
}

/**
 * Copies a module's tables, or goes on with a copy that was begun before: what was applied is remembered in the
 * transaction that applies it, so a process that is killed in between loses and doubles nothing. Errors:
 * SCHEMAS_DIFFER, MOVE_DIFFERS.
 */
export async function followSchema({
  module,
  from,
  to,
  stream,
  onProgress,
}: Following): Promise<FollowedSchema> {
  const changes = changeStream(from.pool, stream);
  const tables = await tablesOf(from.pool, module);
  if (JSON.stringify(tables) !== JSON.stringify(await tablesOf(to.pool, module)))
    throw refusal("SCHEMAS_DIFFER", { module });
  const isGuarded = await hasTriggers(to.pool, module);
  const name = (table: MovedTable) => `"${module}".${table.name}`;
  let applied = await readApplied();
  if (applied === undefined || !(await changes.exists(tables.map(name)))) applied = await copy();

  async function readApplied(): Promise<bigint | undefined> {
    const { rows } = await to.pool.query<{ applied: string }>(
      "select applied - '0/0' as applied from placement.copy where module = $1 and stream = $2",
      [module, stream],
    );
    return rows[0] && BigInt(rows[0].applied);
  }

  async function copy(): Promise<bigint> {
    const keyless = await from.pool.query<{ name: string }>(
      // Partitioned tables without a key are only appended to.
      `select quote_ident(relname) as name from pg_class c
       where relnamespace = $1::regnamespace and relkind = 'r' and not relispartition
         and not exists (select from pg_index where indrelid = c.oid and indisprimary)`,
      [`"${module}"`],
    );
    for (const table of keyless.rows)
      await from.pool.query(`alter table "${module}".${table.name} replica identity full`);
    let total = 0;
    await to.pool.query("delete from placement.copy where module = $1", [module]);
    await changes.begin(tables.map(name), async (source) => {
      const target = await to.pool.connect();
      try {
        await copyPartitions(module, { from: source, to: target });
        await target.query(
          "begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local timezone = 'UTC'",
        );
        // What a trigger counts is copied as well.
        if (isGuarded) await target.query("set local session_replication_role = replica");
        await target.query(`truncate ${tables.map(name).join(", ")}`);
        for (const table of tables) {
          const { rows } = await source.query<{ count: string }>(
            patiently(`select count(*) as count from ${name(table)}`),
          );
          total += Number(rows[0]!.count);
        }
        let done = 0;
        for (const table of tables)
          await copyTable(table, module, {
            from: source,
            to: target,
            onRows(count) {
              done += count;
              onProgress(module, done, total);
            },
          });
        // From here on the stream knows what is new.
        await target.query("insert into placement.copy (module, stream, applied) values ($1, $2, '0/0')", [
          module,
          stream,
        ]);
        await target.query("commit");
      } finally {
        target.release(true);
      }
    });
    return 0n;
  }

  async function apply(upTo: string): Promise<number> {
    const found = await changes.next(upTo);
    if (found.length === 0) return 0;
    // While there is a publication none is dropped (modules/playback/retention.ts), so there is a place for each change.
    await copyPartitions(module, { from: from.pool, to: to.pool });
    const target = await to.pool.connect();
    let last = applied!;
    // Whole transactions that were not applied before, one after the other.
    const fresh: RowChange[] = [];
    try {
      await target.query("begin; set local statement_timeout = 0; set local timezone = 'UTC'");
      // What a foreign key deletes along with a row, or a trigger counts, is in the stream as well.
      if (isGuarded) await target.query("set local session_replication_role = replica");
      let waiting: RowChange[] = [];
      for (const change of found) {
        if (change.kind !== "commit") {
          waiting.push(change);
          continue;
        }
        if (change.end > applied!) for (const one of waiting) fresh.push(one);
        waiting = [];
        if (change.end > last) last = change.end;
      }
      await applyChanges(target, module, fresh);
      await target.query("update placement.copy set applied = $2 where module = $1", [
        module,
        positionOf(last),
      ]);
      await target.query("commit");
      applied = last;
    } finally {
      target.release(target.getTransactionStatus() !== "I");
    }
    await changes.forgetUpTo(positionOf(last));
    return fresh.length + 1;
  }

  async function applyAll(upTo: string): Promise<number> {
    let all = 0;
    for (let some = await apply(upTo); some > 0; some = await apply(upTo)) all += some;
    return all;
  }

  return {
    tables,
    async catchUp() {
      await toDisk(from);
      const { rows } = await from.pool.query<{ now: string }>("select pg_current_wal_flush_lsn() as now");
      return applyAll(rows[0]!.now);
    },
    async compare() {
      await changes.atPosition(async (source, position) => {
        await applyAll(position);
        const target = await to.pool.connect();
        try {
          await target.query("begin; set local statement_timeout = 0; set local timezone = 'UTC'");
          for (const [i, table] of tables.entries()) {
            const differing = await differingRows(source, target, module, table);
            if (differing.length > 0)
              throw refusal(
                "MOVE_DIFFERS",
                `Rows of ${name(table)} are not the same after copying: ${differing.join("; ")}. Nothing was switched; repeat the command after: douya database move ${module} --abandon`,
              );
            onProgress(`${module}, compared`, i + 1, tables.length);
          }
        } finally {
          target.release(true);
        }
      });
    },
    async copyIdentities(source) {
      const target = await to.pool.connect();
      try {
        for (const table of tables) await copyIdentities(table, module, { from: source, to: target });
      } finally {
        target.release();
      }
    },
    async end() {
      await changes.end();
      await to.pool.query("delete from placement.copy where module = $1", [module]);
    },
  };
}

/** Changes are decoded from what is on the disk, where those of a session with synchronous_commit off come later. */
async function toDisk({ pool }: Database): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query(
      "begin; set local synchronous_commit = on; select pg_logical_emit_message(true, 'douya', ''); commit",
    );
  } finally {
    client.release();
  }
}
