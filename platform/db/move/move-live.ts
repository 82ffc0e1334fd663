import { setTimeout as delay } from "node:timers/promises";
import type { ClientBase, Pool } from "pg";
import { DomainError } from "../../errors/domain-error.ts";
import { followSchema } from "./follow-schema.ts";
import { dropOffsets, type Move } from "./move-schema.ts";
import { isMovedAway } from "./moved-away.ts";
import { inTransactionOf, notSwitched, switchMs, switchPlace } from "./switch-place.ts";

export interface LiveMove extends Move {
  /** Names the replication slot and the publication: [a-z0-9_]. */
  stream: string;
  /** Where the module goes, for the processes; null: to the main database. */
  place: { database: string; address: Buffer } | null;
  behind(): Promise<string[]>;
  say(line: string): void;
}

const readyMs = 60_000;
/** Of the time that a switch has, for the calls under way and for the events. */
const drainMs = 2_500;
const attempts = 20;
const betweenMs = 2_000;
const pollMs = 50;

/**
 * Moves a module while processes work with it: copies its tables and follows what changes, compares them row by row, and
 * switches. It ends at any moment without harm: before the switch nothing has changed for anybody, and the next one goes
 * on where it ended. Errors: MOVE_NEEDS, MOVE_NOT_SWITCHED, MOVE_DIFFERS, SCHEMAS_DIFFER.
 */
export async function moveLive(move: LiveMove): Promise<void> {
  const { module, from, to, main, place, say } = move;
  if (place) await to.pool.query("update placement.database set left_at = null");
  // Of an attempt that was not switched, or of a consumer that did not know yet that the module had left.
  await dropOffsets(module, to.pool);
  const followed = await followSchema(move);
  say(`${module} is copied; ${await followed.catchUp()} changes since then are applied`);
  await announce(main.pool, module, place);
  await untilReady(main.pool, module);
  await followed.compare();
  for (let attempt = 1; ; attempt++) {
    await followed.catchUp();
    try {
      await trySwitch();
      break;
    } catch (error) {
      if (attempt === attempts || !mayPass(error)) throw error;
      say(`not switched yet: ${(error as Error).message}`);
      await delay(betweenMs);
    }
  }
  await followed.end();

  async function record(on: ClientBase): Promise<void> {
    await move.record(on);
    await forgetMove(on, module);
  }

  /** Whether the module is still in the database that it is to leave. Waits for a switch whose commit is under way. */
  async function isHere(): Promise<boolean> {
    const [table] = followed.tables;
    try {
      await from.pool.query(`select from "${module}".${table!.name} limit 0`);
      return true;
    } catch (error) {
      if (isMovedAway(error)) return false;
      throw error;
    }
  }

  async function trySwitch(): Promise<void> {
    const startedMs = performance.now();
    const isEarly = () => performance.now() - startedMs < drainMs;
    await hold(main.pool, module, true);
    try {
      while (isEarly() && !(await areReady(main.pool, module, true))) await delay(pollMs);
      await followed.catchUp();
      let groups = await move.behind();
      for (; isEarly() && groups.length > 0; groups = await move.behind()) await delay(pollMs);
      if (groups.length > 0) throw notSwitched(module, `events of it wait for ${groups.join(", ")}`);
      await switchPlace({
        ...move,
        record,
        followed,
        withinMs: switchMs - (performance.now() - startedMs),
        async check(on) {
          if (!(await areReady(on, module, false))) throw notReady(module);
        },
      });
    } catch (error) {
      await hold(main.pool, module, false);
      if (await isHere()) {
        // Nobody acts on them there.
        await dropOffsets(module, to.pool);
        throw error;
      }
      // The commit that was the switch is done, although its answer was lost or what followed it failed.
      if (from !== main) await inTransactionOf(main, record);
    }
  }
}

/** Whatever the database says, a lock that was not to be had or a time that was over, may be otherwise the next time. */
function mayPass(error: unknown): boolean {
  return !(error instanceof DomainError) || error.reason === "MOVE_NOT_SWITCHED";
}

async function announce(main: Pool, module: string, place: LiveMove["place"]): Promise<void> {
  await main.query(
    `insert into placement.move (module, database, address) values ($1, $2, $3)
     on conflict (module) do update set database = excluded.database, address = excluded.address, held = false`,
    [module, place?.database, place?.address],
  );
}

/** Nothing is being moved any more. */
export async function forgetMove(main: Pool | ClientBase, module: string): Promise<void> {
  await main.query("delete from placement.move where module = $1", [module]);
  await main.query("delete from placement.ready where module = $1", [module]);
}

async function hold(main: Pool, module: string, held: boolean): Promise<void> {
  await main.query("update placement.move set held = $2 where module = $1", [module, held]);
}

/** Whether every process that lives knows of the move, and holds changes if they are to be held. */
async function areReady(main: Pick<ClientBase, "query">, module: string, held: boolean): Promise<boolean> {
  const { rows } = await main.query<{ ready: boolean }>(
    `select not exists (
       select from lease.process p where expires_at > now() and not exists (
         select from placement.ready r join placement.move m using (module)
         where r.module = $1 and r.lease = p.id and r.database is not distinct from m.database
           and (r.held or not $2)
       )
     ) as ready`,
    [module, held],
  );
  return rows[0]!.ready;
}

async function untilReady(main: Pool, module: string): Promise<void> {
  for (
    const untilMs = performance.now() + readyMs;
    !(await areReady(main, module, false));
    await delay(pollMs)
  )
    if (performance.now() > untilMs) throw notReady(module);
}

function notReady(module: string): Error {
  return notSwitched(module, "a process does not follow the move: is it of an older version, or stopped?");
}
