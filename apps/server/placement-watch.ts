import type { Pool } from "pg";
import type { ProcessLease } from "#platform/lease/process-lease.ts";
import type { Logger } from "#platform/observe/log.ts";

/** A module that is being moved. */
export interface ModuleMove {
  module: string;
  /** The id of the database to which it goes, and its sealed address in hexadecimal digits after \x; null: the main one. */
  database: string | null;
  address: string | null;
  held: boolean;
}

interface Place {
  name: string;
  database: string;
  address: string;
}

/** Follows where modules are, while they may be moved. */
export interface PlacementWatch {
  /** Looks now; a look that is under way is followed by another one. */
  look(): Promise<void>;
  /**
   * Whether no module can be elsewhere without this process having opened its database: a switch waits for a process that
   * lives, but one that was paused for longer than its lease has to look first.
   */
  isCurrent(): boolean;
  stop(): Promise<void>;
}

/** While a module is being moved, and while changes of it are held. */
const lookMs = { moving: 200, held: 30 };
/** A command that was killed during its switch holds for no longer, and nobody looks so often for it. */
const heldMs = 10_000;

/**
 * Looks with every heartbeat, and more often while a module is being moved. `prepare` opens the database to which it goes;
 * then the mover is told that this process is ready, and again when changes are held. `settle` is called with the database
 * in which a module is now, when that has changed.
 */
export function watchPlacements(options: {
  main: Pool;
  lease: ProcessLease;
  log: Logger;
  /** The id of the database in which a module is, as far as this process knows; undefined: the main one. */
  placeOf(module: string): string | undefined;
  modules: readonly string[];
  prepare(move: Pick<ModuleMove, "module" | "database" | "address">): Promise<void>;
  settle(module: string, database: string | undefined): Promise<void>;
  hold(module: string): Promise<void>;
  letGo(module: string): void;
}): PlacementWatch {
  const { main, lease, log, placeOf, modules, prepare, settle, hold, letGo } = options;
  /** What the mover was told, by module. */
  const told = new Map<string, string>();
  const holding = new Map<string, number>();
  /** Modules whose move has been logged as one that cannot be followed. */
  const unreachable = new Set<string>();
  let looking: Promise<void> | undefined;
  let again: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  async function lookOnce(): Promise<void> {
    const startedMs = performance.now();
    const { rows } = await main.query<{ moves: ModuleMove[]; places: Place[] }>(
      `select
         (select coalesce(json_agg(m), '[]') from placement.move m) as moves,
         (select coalesce(json_agg(p), '[]') from placement.module p) as places`,
    );
    const { moves, places } = rows[0]!;
    const found = new Map(places.map((place) => [place.name, place]));
    const moving = new Set(moves.map(({ module }) => module));
    for (const module of modules) {
      const place = found.get(module);
      if (place?.database !== placeOf(module)) {
        if (place) await prepare({ module, ...place });
        await settle(module, place?.database);
        log.info({ module }, "the module is in another database now");
        holding.delete(module);
      } else if (holding.has(module) && !moves.some((move) => move.module === module && move.held)) {
        holding.delete(module);
        letGo(module);
      }
      if (!moving.has(module)) told.delete(module);
    }
    for (const move of moves)
      await follow(move).catch(async (error) => {
        // What this process has said before does not hold any more. Nothing else of it waits for that database.
        if (!unreachable.has(move.module))
          log.warn(
            { err: error, module: move.module },
            "cannot reach the database to which a module is moved",
          );
        unreachable.add(move.module);
        told.delete(move.module);
        await main.query("delete from placement.ready where module = $1 and lease = $2", [
          move.module,
          lease.id,
        ]);
      });
    lookedAtMs = startedMs;
    clearTimeout(timer);
    if (moves.length === 0 || stopped) return;
    const isHolding = [...holding.values()].some((sinceMs) => startedMs - sinceMs < heldMs);
    const soonMs = isHolding ? lookMs.held : lookMs.moving;
    timer = setTimeout(() => void lookSafely(), soonMs).unref();
  }

  async function follow(move: ModuleMove): Promise<void> {
    const { module, database, held } = move;
    await prepare(move);
    unreachable.delete(module);
    if (held && !holding.has(module)) {
      holding.set(module, performance.now());
      await hold(module);
    }
    const state = `${lease.id} ${database} ${held}`;
    if (told.get(module) === state) return;
    await main.query(
      `insert into placement.ready (module, lease, database, held) values ($1, $2, $3, $4)
       on conflict (module, lease) do update set database = excluded.database, held = excluded.held`,
      [module, lease.id, database, held],
    );
    told.set(module, state);
  }

  /** One at a time; whoever comes while one is under way shares the next. */
  function look(): Promise<void> {
    if (!looking) {
      looking = lookOnce().finally(() => {
        looking = undefined;
      });
      return looking;
    }
    again ??= looking
      .catch(() => {})
      .then(() => {
        again = undefined;
        return look();
      });
    return again;
  }

  function lookSafely(): Promise<void> {
    return look().catch((error) => {
      if (!stopped) log.warn({ err: error }, "could not look where modules are");
    });
  }

  const endHeartbeat = lease.onHeartbeat(() => (stopped ? Promise.resolve() : lookSafely()));
  return {
    look,
    isCurrent: () => lookedAtMs >= (lease.heldSinceMs() ?? Number.POSITIVE_INFINITY),
    async stop() {
      stopped = true;
      endHeartbeat();
      clearTimeout(timer);
      await looking?.catch(() => {});
    },
  };
}
