import type { Pool } from "pg";
import { unlessMoved } from "../placement.ts";

/** Names of replication slots are those of a whole server, on which several installations may be. */
export function streamName(module: string, installation: string): string {
  return `douya_${module}_${short(installation)}`;
}

const short = (installation: string): string => installation.replaceAll("-", "").slice(0, 12);

/** A move that was killed is repeated within this, or begins anew. */
const unusedHours = 24;

/**
 * Drops the replication slots that moves have left behind in a database, for which its server would keep its WAL: those of
 * modules that are not there any more, of moves that were killed right after their switch, and those that nobody has read
 * for a day. Those of a module that is being moved stay: nobody reads one during the first copy, however long that takes.
 * Gives their names.
 */
export async function dropLeftStreams(
  pool: Pool,
  options: { main: Pool; installation: string; isHere: (module: string) => boolean; hours?: number },
): Promise<string[]> {
  const { main, installation, isHere, hours = unusedHours } = options;
  const { rows } = await pool.query<{ name: string; module: string; unused: boolean }>(
    // Servers before 17 do not know since when.
    `select slot_name as name, (regexp_match(slot_name, '^douya_(.+)_[0-9a-f]{12}$'))[1] as module,
       coalesce((to_jsonb(s) ->> 'inactive_since')::timestamptz <= now() - $2 * interval '1 hour', false) as unused
     from pg_replication_slots s
     where database = current_database() and not active and not temporary and slot_name like 'douya\\_%\\_' || $1`,
    [short(installation), hours],
  );
  const dropped: string[] = [];
  for (const { name, module, unused } of rows) {
    if (!unused && isHere(module)) continue;
    const isLeft = await unlessMoved(main, module, async () => {
      await pool.query(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active",
        [name],
      );
      await pool.query(`drop publication if exists "${name}"`);
    });
    if (isLeft) dropped.push(name);
  }
  return dropped;
}
