import { refusal } from "#contracts/reasons.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import {
  claimFor,
  exists,
  forgetPlacement,
  hasLeft,
  isUnreachable,
  type Placement,
  reachDatabase,
  readPlacements,
  recordPlacement,
} from "#platform/db/placement.ts";
import type { Logger } from "#platform/observe/log.ts";
import { type KeySeal, sealedBy } from "#platform/seal/key-seal.ts";
import { clusterSecret } from "./cluster-secret.ts";
import type { Config } from "./config.ts";
import { table } from "./targets.ts";

/** A database, by the module whose own it is, or `main`. */
export interface NamedDatabase {
  name: string;
  database: Database;
}

/** The databases that single modules have for themselves. */
export interface ModuleDatabases {
  all(): readonly NamedDatabase[];
  /** Undefined: the module is in the main one. */
  of(module: string): Database | undefined;
  /**
   * Opens those that the settings name, and those that the main database remembers. With `mayClaim`, an empty one
   * becomes that of its module. With `mayBeAway`, one that is remembered need not answer. Errors: MODULE_ELSEWHERE,
   * MODULE_ADDRESS_SEALED, and those of openReachable and claimFor.
   */
  place(options: { mayClaim: boolean; mayBeAway?: boolean }): Promise<void>;
  /** The id of the database in which a module is; undefined: the main one. */
  placeOf(module: string): string | undefined;
  /** Opens the database with this id, to which a module may be moved; returns it if it was not open before. */
  prepare(move: { module: string; database: string; address: Buffer }): Promise<NamedDatabase | undefined>;
  withId(id: string): Database | undefined;
  /** Takes note that a module is there now. */
  settle(module: string, id: string | undefined): void;
  /** Of a module whose database did not answer: finds that it is the right one. Errors as of `place`. */
  reach: ReadonlyMap<string, () => Promise<void>>;
  close(): Promise<void>;
}

/** The secret with which addresses, which contain passwords, are encrypted. */
export async function addressSeal(config: Config): Promise<KeySeal> {
  return sealedBy(await clusterSecret(config), "addresses of databases");
}

export function settingOf(module: string): string {
  return `DOUYA_DATABASE_URL_${module.toUpperCase()}`;
}

export function openModuleDatabases(options: {
  main: Database;
  config: Config;
  log: Logger;
}): ModuleDatabases {
  const { main, config, log } = options;
  const open = new Map<string, NamedDatabase>();
  /** By module, the ids of those in which they are. */
  const places = new Map<string, string>();
  const reach = new Map<string, () => Promise<void>>();

  async function place(
    module: string,
    known: Placement | undefined,
    { mayClaim, mayBeAway = false }: { mayClaim: boolean; mayBeAway?: boolean },
  ): Promise<void> {
    const given = config[`${module}DatabaseUrl` as "feedDatabaseUrl"];
    const url = given || (known && (await unseal(known)));
    if (!url) return;
    const setting = settingOf(module);
    if (given && !known && (await exists(main.pool, `${module}.kysely_migration`)))
      throw refusal("MODULE_ELSEWHERE", { setting, module, place: "the database of the other modules" });
    const database = openDatabase(url, { log });
    const enter = (id: string) => {
      open.set(id, { name: module, database });
      places.set(module, id);
    };
    const find = async () => {
      await reachDatabase(module, database);
      const id = await claimFor(module, { own: database, main: main.pool, setting, mayClaim });
      if (known && known.database !== id)
        throw refusal("MODULE_ELSEWHERE", { setting, module, place: "another database" });
      if (known && (await hasLeft(database.pool))) {
        await forgetPlacement(main.pool, module);
        places.delete(module);
        // One that is open already has duties of this process.
        if (!open.has(id)) await database.close();
        return;
      }
      enter(id);
      if (!mayClaim || (known && !given)) return;
      const address = (await addressSeal(config)).seal(module, url);
      await recordPlacement(main.pool, { module, database: id, address });
    };
    try {
      await find();
    } catch (error) {
      if (!mayBeAway || !known || !isUnreachable(error)) {
        await database.close();
        throw error;
      }
      enter(known.database);
      log.warn({ reason: (error as Error).message }, "the database of a module is away");
      reach.set(module, async () => {
        await find();
        reach.delete(module);
      });
    }
  }

  async function unseal({ module, address }: Placement): Promise<string> {
    const url = (await addressSeal(config)).open(module, address);
    if (url === undefined) throw refusal("MODULE_ADDRESS_SEALED", { module, setting: settingOf(module) });
    return url;
  }

  return {
    all: () => [...open.values()],
    of: (module) => open.get(places.get(module) ?? "")?.database,
    placeOf: (module) => places.get(module),
    withId: (id) => open.get(id)?.database,
    async prepare({ module, database: id, address }) {
      if (open.has(id)) return undefined;
      const url = await unseal({ module, database: id, address });
      const opened = { name: module, database: openDatabase(url, { log }) };
      open.set(id, opened);
      return opened;
    },
    settle(module, id) {
      if (id === undefined) places.delete(module);
      else places.set(module, id);
    },
    reach,
    async place(options) {
      const known = new Map((await readPlacements(main.pool)).map((one) => [one.module, one]));
      for (const module of Object.keys(table)) await place(module, known.get(module), options);
    },
    async close() {
      await Promise.all([...open.values()].map(({ database }) => database.close()));
    },
  };
}
