import type { ClientBase, PoolClient } from "pg";
import { refusal } from "../../errors/reasons.ts";
import type { Database } from "../database.ts";
import { lockPlacements } from "../placement.ts";
import type { FollowedSchema } from "./follow-schema.ts";
import { copyOffsets, dropOffsets, keptSchema } from "./move-schema.ts";
import { tablesOf } from "./tables.ts";

/** Longest that whoever writes waits in the database that is left. Its server ends a switch that takes longer. */
export const switchMs = 5_000;
const lockMs = 1_000;

export interface Switch {
  module: string;
  from: Database;
  to: Database;
  main: Database;
  followed: FollowedSchema;
  /** How much of the time is left. */
  withinMs: number;
  /** Every process is ready for the switch. Error: when not. */
  check(on: ClientBase): Promise<void>;
  /** The groups that have still to handle events of the module. */
  behind(): Promise<string[]>;
  /** Changes what the main database knows. */
  record(on: ClientBase): Promise<void>;
}

/**
 * Takes a module from the database where it is to the copy that follows it. One commit in the database that is left is
 * the switch: from then on its tables have another name there, so that nobody reads or writes them by mistake, whatever
 * that process believes. Until then nothing has changed, and whoever was waiting goes on.
 */
export async function switchPlace(options: Switch): Promise<void> {
  const { module, from, to, main, followed, check, behind, record } = options;
  const withinMs = Math.round(options.withinMs);
  const leaving = await from.pool.connect();
  const knowing = from === main ? leaving : await main.pool.connect();
  const kept = keptSchema(module);
  try {
    for (const client of new Set([knowing, leaving]))
      await client.query(
        `begin; set local lock_timeout = ${lockMs}; set local statement_timeout = ${withinMs};
         set local idle_in_transaction_session_timeout = ${withinMs}`,
      );
    const startedMs = performance.now();
    await lockPlacements(knowing);
    await check(knowing);
    await lockAll(leaving, options);
    await followed.catchUp();
    const groups = await behind();
    if (groups.length > 0) throw notSwitched(module, `events of it wait for ${groups.join(", ")}`);
    await inTransactionOf(to, (target) => copyOffsets(module, { source: leaving, target }));
    await followed.copyIdentities(leaving);
    await dropOffsets(module, leaving);
    await leaving.query(
      `drop schema if exists "${kept}" cascade; alter schema "${module}" rename to "${kept}"`,
    );
    if (from === main) await record(leaving);
    else await leaving.query("update placement.database set left_at = now()");
    if (performance.now() - startedMs > withinMs) throw notSwitched(module, "it would have taken too long");
    await leaving.query("commit");
    if (from === main) return;
    // A process that ends here leaves behind what `hasLeft` finds.
    await record(knowing);
    await knowing.query("commit");
  } finally {
    // A connection that is closed rolls back.
    leaving.release(true);
    if (knowing !== leaving) knowing.release(true);
  }
}

export function notSwitched(module: string, why: string): Error {
  return refusal("MOVE_NOT_SWITCHED", { module, why });
}

/** First the claims of its groups, which a consumer's transaction takes first too, then the tables. */
async function lockAll(on: PoolClient, { module, followed }: Switch): Promise<void> {
  await on.query("select from events.consumer where split_part(group_name, '.', 1) = $1 for update", [
    module,
  ]);
  const names = followed.tables.map(({ name }) => `"${module}".${name}`);
  await on.query(`lock table ${names.join(", ")} in access exclusive mode`);
  if (JSON.stringify(await tablesOf(on, module)) !== JSON.stringify(followed.tables))
    throw refusal("SCHEMAS_DIFFER", { module });
}

/** Does it in one transaction there, which a connection that is closed rolls back. */
export async function inTransactionOf(
  { pool }: Database,
  work: (on: ClientBase) => Promise<void>,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await work(client);
    await client.query("commit");
  } finally {
    client.release(true);
  }
}
