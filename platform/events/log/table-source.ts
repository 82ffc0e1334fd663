import type { Pool } from "pg";
import { partitionsAfter, readPartitioning } from "../partitions.ts";
import { createLogReader } from "./log-reader.ts";
import type { LogSource } from "./log-source.ts";
import type { StablePosition } from "./stable-position.ts";

/** Reads the events of a database from its own table. */
export function tableSource(pool: Pool, origin: string, stable: StablePosition): LogSource {
  const reader = createLogReader(pool);
  return {
    origin,
    position: stable.position,
    partitions: async () => partitionsAfter(await readPartitioning(pool)),
    partitionCount: stable.partitionCount,
    watch: stable.watch,
    subscribe(subscription) {
      const { read, unsubscribe } = reader.subscribe(subscription);
      return {
        read: (states, limits) => read({ states, limits, upTo: stable.position() }),
        unsubscribe,
      };
    },
    async end() {
      const { rows } = await pool.query<{ position: string }>("select events.horizon() as position");
      return Number(rows[0]!.position);
    },
    async hasAfter(offsets, types) {
      stable.wake();
      const { rows } = await pool.query<{ behind: boolean }>(
        `select exists (
           select from unnest($1::int2[], $2::int8[]) c(partition, position)
           join events.log l on l.partition = c.partition and l.position > c.position and l.type = any($3::text[])
         ) as behind`,
        [offsets.map(({ partition }) => partition), offsets.map(({ position }) => position), types],
      );
      return rows[0]!.behind;
    },
  };
}

export async function readOrigin(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ id: string }>("select id from events.origin");
  return rows[0]!.id;
}
