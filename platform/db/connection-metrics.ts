import type { Metrics } from "../observe/metrics.ts";
import type { Database } from "./database.ts";
import type { ReplicaState } from "./replicas.ts";

/** Exports how many connections each database has, how many queries wait for one, and how its replicas are. */
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
  const ofReplicas = (of: (replica: ReplicaState) => number | undefined) => async () =>
    databases().flatMap(({ database }) =>
      (database.replicas?.states() ?? []).flatMap((state) => {
        const value = of(state);
        return value === undefined ? [] : [{ labels: { replica: `${state.host}:${state.port}` }, value }];
      }),
    );
  metrics.gauges(
    "douya_replica_lag_bytes",
    "How much of the log of its primary a replica has still to replay",
    "replica",
    ofReplicas(({ lagBytes }) => lagBytes),
  );
  metrics.gauges(
    "douya_replica_left_out",
    "Whether a replica is not read from, since it lags, is away or follows another",
    "replica",
    ofReplicas(({ problem }) => Number(problem !== undefined)),
  );
}
