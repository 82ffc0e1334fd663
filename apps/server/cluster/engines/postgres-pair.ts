import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "#platform/observe/log.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { bringDown, findPostmaster } from "#platform/postgres/postmaster.ts";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { makeReplica, replicationSettings, setSynchronous } from "#platform/postgres/replica-folder.ts";
import type { ClusterProcess } from "../cluster-record.ts";
import { killWithChildren } from "../kill-with-children.ts";

const lookMs = 250;
/** A look that fails is repeated after twice as long each time, up to this. */
const longestLookMs = 10_000;
/** A primary that answers nothing for so long is ended, and its replica takes over. */
const silentMs = 10_000;
/** Writes wait so long for a replica that is away; then they go on without it. */
const withoutReplicaMs = 5_000;
/** A replica that does not follow after so long is made again. */
const followMs = 30_000;
const queryMs = 3_000;
const promoteMs = 60_000;

/** What a restart must know. Written before what it announces is done. */
interface PairState {
  /** Which of the two is the primary: 0 or 1. */
  primary: number;
  /** The other one has every commit that was acknowledged, so it may take over. */
  synchronous: boolean;
}

export interface PostgresPair {
  /** Connection string that names both; the client finds the primary. */
  readonly url: string;
  /** One for each of the two: either may be the replica. */
  readonly urls: string[];
  stop(): Promise<void>;
}

interface PairOptions {
  dir: string;
  ports: [number, number];
  log: Logger;
  changed(processes: ClusterProcess[]): void;
  say(sentence: string): void;
}

/**
 * A primary and a synchronous replica. When the primary dies, the replica is promoted and the old one is made a replica
 * of it: it never comes back as it was, so there is one primary at a time.
 */
export async function startPostgresPair({
  dir,
  ports,
  log,
  changed,
  say,
}: PairOptions): Promise<PostgresPair> {
  const stateFile = join(dir, "postgres.json");
  const folders = ports.map((_, i) => join(dir, `postgres-${i + 1}`, "postgres"));
  const servers: (EmbeddedPostgres | undefined)[] = [undefined, undefined];
  const nameOf = (i: number) => `postgres-${i + 1}`;
  /** Of its replication slot. */
  const slotOf = (i: number) => `postgres_${i + 1}`;
  let state: PairState = JSON.parse(
    await readFile(stateFile, "utf8").catch(() => '{"primary":0,"synchronous":false}'),
  );

  async function keep(next: PairState): Promise<void> {
    state = next;
    await writeFile(`${stateFile}.new`, `${JSON.stringify(next)}\n`, { flush: true });
    await rename(`${stateFile}.new`, stateFile);
    report();
  }

  function report(): void {
    changed(
      servers.flatMap((server, i) =>
        server
          ? [
              {
                name: nameOf(i),
                role: i === state.primary ? "postgres-primary" : "postgres-replica",
                pid: server.pid,
                address: `127.0.0.1:${ports[i]}`,
              },
            ]
          : [],
      ),
    );
  }

  async function start(i: number): Promise<void> {
    servers[i] = await startEmbeddedPostgres({
      dir: folders[i]!,
      port: ports[i]!,
      log,
      settings: { ...replicationSettings, max_connections: "500", shared_buffers: "128MB" },
      keepAlive: false,
    });
    report();
  }

  const isDown = (i: number) => !servers[i] || !isAlive(servers[i].pid);
  const other = () => 1 - state.primary;
  const urlOf = (i: number) => servers[i]!.url;

  /** A replica made again is one whatever it was before. */
  async function startReplica({ anew }: { anew: boolean }): Promise<void> {
    const i = other();
    const folder = folders[i]!;
    if (anew || !existsSync(join(folder, "standby.signal"))) {
      const left = await findPostmaster(folder);
      if (left) await bringDown(left, log);
      servers[i] = undefined;
      report();
      const primary = { url: urlOf(state.primary), dir: folders[state.primary]! };
      await makeReplica(primary, { dir: folder, name: slotOf(i) });
    }
    await start(i);
    followingSinceMs = Date.now();
  }

  /** Whether the replica has what the primary had when this was asked, and the primary waits for it. */
  async function makeSynchronous(): Promise<void> {
    const url = urlOf(state.primary);
    await setSynchronous(url, [slotOf(other())]);
    const isSo = `select 1 from pg_stat_replication where application_name = $1 and sync_state in ('sync', 'quorum')
      and flush_lsn >= $2::pg_lsn`;
    const [here] = await query(url, "select pg_current_wal_lsn()::text as lsn");
    for (const deadline = Date.now() + queryMs; Date.now() < deadline; await delay(lookMs)) {
      if ((await query(url, isSo, [slotOf(other()), here!.lsn])).length === 0) continue;
      await keep({ ...state, synchronous: true });
      return;
    }
  }

  async function isFollowing(): Promise<boolean> {
    const rows = await query(
      urlOf(state.primary),
      "select 1 from pg_stat_replication where application_name = $1 and state = 'streaming'",
      [slotOf(other())],
    );
    return rows.length > 0;
  }

  /** Makes the one that was chosen the primary, if it is not yet. It is tried again at the next look when it fails. */
  async function promote(): Promise<void> {
    const url = urlOf(state.primary);
    const isReplica = async () => (await query(url, "select 1 where pg_is_in_recovery()")).length > 0;
    if (await isReplica()) {
      // It may take longer than a query: a replica replays first all that it has.
      await query(url, "select pg_promote(false)");
      const deadline = Date.now() + promoteMs;
      while (await isReplica()) {
        if (Date.now() > deadline) throw new Error(`${nameOf(state.primary)} was not promoted`);
        await delay(lookMs);
      }
    }
    await setSynchronous(url, []);
    promoted = true;
  }

  async function failOver(): Promise<void> {
    const [old, next] = [state.primary, other()];
    const server = servers[old];
    if (server) await killWithChildren(server.pid);
    servers[old] = undefined;
    if (!state.synchronous || isDown(next)) {
      await start(old);
      say(`${nameOf(old)} ended without a replica that has all of it; it was started again`);
      return;
    }
    promoted = false;
    await keep({ primary: next, synchronous: false });
    await promote();
    say(`${nameOf(old)} ended; ${nameOf(next)} is the primary now`);
    await startReplica({ anew: true });
    say(`${nameOf(old)} follows ${nameOf(next)}`);
  }

  let answeredMs = Date.now();
  let followingSinceMs = Date.now();
  let promoted = false;
  const stopping = new AbortController();

  async function look(): Promise<void> {
    if (isDown(state.primary)) return failOver();
    if (!promoted) await promote();
    const following = await isFollowing().catch(() => undefined);
    if (following === undefined) {
      if (!isDown(state.primary) && Date.now() - answeredMs < silentMs) return;
      await failOver();
      answeredMs = Date.now();
      return;
    }
    answeredMs = Date.now();
    if (following) {
      followingSinceMs = Date.now();
      if (!state.synchronous) await makeSynchronous();
      return;
    }
    const awayMs = Date.now() - followingSinceMs;
    if (state.synchronous && awayMs > withoutReplicaMs) {
      say(`${nameOf(other())} does not follow; writes go on without it`);
      await keep({ ...state, synchronous: false });
    }
    if (!state.synchronous && awayMs > withoutReplicaMs) await setSynchronous(urlOf(state.primary), []);
    if (isDown(other())) {
      say(`${nameOf(other())} ended; starting it again`);
      const sinceMs = followingSinceMs;
      await startReplica({ anew: false });
      followingSinceMs = sinceMs;
    } else if (awayMs > followMs) await startReplica({ anew: true });
  }

  await start(state.primary);
  // The one before may have ended between the decision and the promotion.
  await promote();
  await startReplica({ anew: false });
  for (const deadline = Date.now() + followMs; Date.now() < deadline && !state.synchronous; ) await look();

  const watching = (async () => {
    let pauseMs = lookMs;
    /** Causes that were told since all was well last: they may alternate. */
    const told = new Set<string>();
    while (!stopping.signal.aborted) {
      try {
        await look();
        pauseMs = lookMs;
        told.clear();
      } catch (error) {
        const { message } = error as Error;
        if (!told.has(message)) say(`PostgreSQL is not as it must be, and is tried again: ${message}`);
        told.add(message);
        pauseMs = Math.min(2 * pauseMs, longestLookMs);
      }
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();

  const { password } = new URL(urlOf(state.primary));
  const hosts = ports.map((port) => `127.0.0.1:${port}`);
  const at = (where: string) => `postgres://douya:${password}@${where}/douya`;
  return {
    url: at(hosts.join(",")),
    urls: hosts.map(at),
    async stop() {
      stopping.abort();
      await watching;
      // The replica first: it has then all that the primary acknowledged, and the primary waits for nobody.
      for (const i of [other(), state.primary]) {
        await servers[i]?.stop();
        servers[i] = undefined;
        report();
      }
    },
  };
}

/** Ends what a killed cluster has left. */
export async function stopLeftPostgres(dir: string, log: Logger): Promise<void> {
  for (const name of ["postgres-1", "postgres-2"]) {
    const left = await findPostmaster(join(dir, name, "postgres"));
    if (left) await bringDown(left, log);
  }
}

async function query(url: string, text: string, values: unknown[] = []): Promise<Record<string, string>[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: queryMs,
    query_timeout: queryMs,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query(text, values)).rows;
  } finally {
    // One that does not answer does not say goodbye either.
    await Promise.race([client.end().catch(() => {}), delay(queryMs, undefined, { ref: false })]);
  }
}
