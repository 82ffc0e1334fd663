import type { Pool } from "pg";
import type { Metrics } from "../../observe/metrics.ts";
import { readAllLag } from "./all-lag.ts";
import type { GroupLag } from "./lag.ts";

/** How long one result is reused, so that the gauges of a scrape share it. */
const reuseMs = 1_000;

/** Exports gauges of all groups, including those without members. Every process exports the same values. */
export function exportLag(metrics: Metrics, pools: () => readonly Pool[]): void {
  let lag: Promise<GroupLag[]> | undefined;
  const read = (of: (group: GroupLag) => number) => async () => {
    // Without a database the other metrics are still exported.
    lag ??= readAllLag(pools(), () => {}).finally(() => {
      setTimeout(() => {
        lag = undefined;
      }, reuseMs).unref();
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
