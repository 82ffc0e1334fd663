import type { Pool } from "pg";
import type { Metrics } from "../observe/metrics.ts";
import { type GroupLag, readLag } from "./lag.ts";

/** How long one reading answers for all gauges of a scrape. */
const freshMs = 1_000;

/** Gauges of all groups, those that nobody works for any more included; every process says the same. */
export function exportLag(metrics: Metrics, pool: Pool): void {
  let lag: Promise<GroupLag[]> | undefined;
  const read = (of: (group: GroupLag) => number) => async () => {
    // Without a database the other metrics still count.
    const unread = (): GroupLag[] => [];
    lag ??= readLag(pool)
      .catch(unread)
      .finally(() => {
        setTimeout(() => {
          lag = undefined;
        }, freshMs).unref();
      });
    return (await lag).map((group) => ({ labels: { group: group.group }, value: of(group) }));
  };
  metrics.gauges(
    "douya_events_lag_records",
    "Events that a group has still to handle",
    "group",
    read((group) => group.records),
  );
  metrics.gauges(
    "douya_events_lag_seconds",
    "Age of the oldest event that a group has still to handle",
    "group",
    read((group) => group.seconds),
  );
  metrics.gauges(
    "douya_events_dead_letters",
    "Events that a group could not handle",
    "group",
    read((group) => group.deadLetters),
  );
  metrics.gauges(
    "douya_events_members",
    "Members of a group that are alive; the log is kept for a group without any, too",
    "group",
    read((group) => group.members),
  );
}
