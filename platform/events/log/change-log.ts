import type { Database, Kysely } from "../../db/database.ts";
import { DomainError } from "../../errors/domain-error.ts";
import type { Logger } from "../../observe/log.ts";

const probeMs = 1_000;

/** The log of one database, as those ask it for changes who answer requests. */
export interface ChangeLog {
  /**
   * Runs `read` on it, with the errors of a module's database. Once that one is away nobody waits for it: the error of
   * the first is given to all until it answers again.
   */
  ask<Found>(read: (db: Kysely<unknown>) => Promise<Found>): Promise<Found>;
  stop(): void;
}

export function changeLog(database: Database, log: Logger): ChangeLog {
  const db = database.of<unknown>("events");
  let away: DomainError | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function probe(): void {
    if (stopped) return;
    timer = setTimeout(async () => {
      await database.pool.query("select 1").then(
        () => {
          away = undefined;
          log.info("the events of a database can be read again");
        },
        () => probe(),
      );
    }, probeMs).unref();
  }

  return {
    async ask(read) {
      if (away) throw away;
      try {
        return await read(db);
      } catch (error) {
        // One that is busy answers the next; nobody is to go without what is kept meanwhile, and ask it more.
        if (error instanceof DomainError && error.kind === "unavailable" && !away) {
          away = error;
          log.warn({ reason: error.reason }, "the events of a database cannot be read");
          probe();
        }
        throw error;
      }
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
