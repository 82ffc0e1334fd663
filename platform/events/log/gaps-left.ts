import { sql } from "kysely";

/**
 * More events than anybody writes between a backup and its restoration; of 2^47 positions there are that many times enough.
 * A promotion leaves it too, with the first event that is written after it (`events.append_on_timeline`).
 */
export const gap = 1_000_000_000;

/** A number that is another one once a gap was left: what counts rows may have gone back. */
export const gapsLeft = sql<string>`(select last_value / ${sql.lit(gap)} from events.log_position_seq)`;
