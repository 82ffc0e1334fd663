import type { Database } from "#platform/db/database.ts";
import { createEvents, type EventDatabase, type ProcessEvents } from "#platform/events/events.ts";
import { createNatsEvents } from "#platform/events/nats/nats-events.ts";
import { linkNats } from "#platform/events/nats/nats-link.ts";
import { natsScope } from "#platform/events/nats/nats-scope.ts";
import type { Part } from "#platform/observe/degraded.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Metrics } from "#platform/observe/metrics.ts";
import type { Config } from "./config.ts";
import { engineTls } from "./open-transport.ts";

/** The event log of this process. */
export interface OpenEvents extends ProcessEvents {
  /** What can fail of it while the rest works, for /readyz. */
  parts?: Record<string, Part>;
}

const unreachable =
  "EVENTS_UNREACHABLE: NATS cannot be used, so events for other databases wait; see: douya doctor";

/**
 * In the tables `events.log` of the databases, from which NATS carries events to other databases where its address is
 * given. Error: NATS_URL_INVALID.
 */
export function openEvents(
  config: Config,
  options: {
    databases: readonly EventDatabase[];
    databaseOf(module: string): Database;
    isCurrent: () => boolean;
    secret: string;
    measure: Metrics["batches"];
    log: Logger;
  },
): OpenEvents {
  if (!config.natsUrl) return createEvents(options);
  const link = linkNats(config.natsUrl, options.log, engineTls(config));
  const scope = natsScope(options.secret, { unsigned: config.unsigned });
  const events = createEvents({ ...options, nats: createNatsEvents({ link, scope, log: options.log }) });
  return {
    of: events.of,
    add: events.add,
    parts: {
      events: { look: async () => (link.problem() === undefined ? undefined : unreachable), freshMs: 0 },
    },
    async stop() {
      await events.stop();
      await link.close();
    },
  };
}
