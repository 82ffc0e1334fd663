import type { Logger } from "#platform/observe/log.ts";
import type { Postmaster } from "./postmaster.ts";
import { isAlive } from "./process-alive.ts";

const LOOK_MS = 250;
const RETRY_MS = 5_000;
const MINUTE_MS = 60_000;

/**
 * Watches a running postmaster: one that is gone is started again with `restart`, every 5 s until that works. `stop`
 * ends the watch and resolves when a restart under way is over. The watch keeps no process alive.
 */
export function watchPostmaster(
  first: Postmaster,
  options: {
    log: Logger;
    restart: (() => Promise<Postmaster>) | undefined;
    everyMinute: () => Promise<void>;
  },
): { readonly server: Postmaster; stop(): Promise<void> } {
  const { log, restart, everyMinute } = options;
  let server = first;
  let busy: Promise<void> | undefined;
  let nextTry = 0;

  async function revive(start: () => Promise<Postmaster>): Promise<void> {
    log.error({ postmaster: server.pid }, "PostgreSQL is gone; starting it again");
    try {
      server = await start();
      log.info({ postmaster: server.pid }, "PostgreSQL is ready again");
    } catch (err) {
      nextTry = Date.now() + RETRY_MS;
      log.error({ err }, "PostgreSQL did not start; trying again");
    }
  }

  const looking = setInterval(() => {
    if (!restart || busy || Date.now() < nextTry || isAlive(server.pid)) return;
    busy = revive(restart).finally(() => {
      busy = undefined;
    });
  }, LOOK_MS).unref();
  const tidying = setInterval(() => {
    everyMinute().catch((err) => log.warn({ err }, "the log of PostgreSQL could not be shortened"));
  }, MINUTE_MS).unref();

  return {
    get server() {
      return server;
    },
    async stop() {
      clearInterval(looking);
      clearInterval(tidying);
      await busy;
    },
  };
}
