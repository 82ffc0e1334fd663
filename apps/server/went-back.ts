import { leaveGap } from "#platform/events/log/restored.ts";
import { raiseFloor } from "#platform/ids/node-lease.ts";
import type { Databases } from "./open-databases.ts";
import { modulesOf } from "./targets.ts";

/**
 * Tells databases that they may have gone back, before anything starts: ids, positions of events and numbers in timelines
 * that were given out since are not given out again.
 */
export async function wentBack(
  databases: Databases,
  { endSessions = false, notBefore = new Date(0) } = {},
): Promise<void> {
  for (const { database } of databases.all()) await leaveGap(database.pool);
  await raiseFloor(databases.main.pool, Math.max(Date.now(), notBefore.getTime()));
  for (const { module } of modulesOf("all"))
    await module.wentBack?.(databases.of(module.name).of(module.name), { endSessions });
}
