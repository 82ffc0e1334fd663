import type { Metrics } from "../observe/metrics.ts";
import type { Database } from "./database.ts";

/** Exports how many connections each database has, and how many queries wait for one. */
export function exportConnections(
  metrics: Metrics,
  databases: () => readonly { name: string; database: Database }[],
): void {
  const each = (of: (database: Database) => number) => async () =>
    databases().map(({ name, database }) => ({ labels: { database: name }, value: of(database) }));
  metrics.gauges(
    "douya_database_waiting",
    "Queries that wait for a connection",
    "database",
    each(({ pool }) => pool.waitingCount),
  );
  metrics.gauges(
    "douya_database_connections",
    "Open connections to a database",
    "database",
    each(({ pool }) => pool.totalCount),
  );
}
