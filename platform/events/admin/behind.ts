import type { Pool } from "pg";
import { readOrigin } from "../log/table-source.ts";

/**
 * The groups, in whichever of these databases, that have still to handle events of one of them; of those of one module
 * only, if it is named.
 */
export async function groupsBehind(pools: readonly Pool[], module?: string): Promise<string[]> {
  const behind = new Set<string>();
  for (const log of pools) {
    const origin = await readOrigin(log);
    for (const pool of pools) {
      const { rows: offsets } = await pool.query<{
        group: string;
        types: string[];
        partition: number;
        position: string;
      }>(
        `select c.group_name as group, g.types, c.partition, c.position
         from events.consumer c join events.consumer_group g using (group_name) where c.origin = $1`,
        [origin],
      );
      const { rows } = await log.query<{ group: string }>(
        `select distinct o."group" from jsonb_to_recordset($1::jsonb)
           as o("group" text, types text[], partition int2, position int8)
         where exists (
           select from events.log l
           where l.partition = o.partition and l.position > o.position and l.type = any(o.types)
             and ($2::text is null or split_part(l.type, '.', 1) = $2)
         )`,
        [JSON.stringify(offsets), module ?? null],
      );
      for (const { group } of rows) behind.add(group);
    }
  }
  return [...behind].sort();
}
