import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { bringDown, findPostmaster } from "#platform/postgres/postmaster.ts";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { makeReplica, replicationSettings, setSynchronous } from "#platform/postgres/replica-folder.ts";
import { freePorts } from "./free-ports.ts";
import { patienceMs } from "./patience.ts";
import { queryOnce } from "./query-once.ts";

/** A server of a cluster, at one address for as long as the cluster lives. */
interface ClusterNode {
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** SIGKILL to the postmaster; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP to the postmaster and all its processes: it keeps its connections and says nothing. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Replays nothing more, or goes on. */
  stopReplay(): Promise<void>;
  goOnReplaying(): Promise<void>;
  promote(): Promise<void>;
  /** Makes it a replica of another one, without anything it had. */
  follow(primary: ClusterNode): Promise<void>;
}

/** A primary and a synchronous replica, for one test alone. */
export interface PrivateCluster {
  readonly primary: ClusterNode;
  readonly replica: ClusterNode;
  /** A connection string that names both. */
  readonly url: string;
  remove(): Promise<void>;
}

const log = createLog("fatal");

export async function startPrivateCluster(settings: Record<string, string> = {}): Promise<PrivateCluster> {
  const folder = await mkdtemp(join(tmpdir(), `douya-test-${process.pid}-`));
  const [first, second] = await freePorts(2);
  const nodes = [first!, second!].map((port, i) => clusterNode(join(folder, `node${i}`), port, settings));
  const [primary, replica] = nodes as [ReturnType<typeof clusterNode>, ReturnType<typeof clusterNode>];
  const remove = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await primary.start();
    await replica.follow(primary);
    await setSynchronous(primary.url, [replica.name]);
    await until("the replica is synchronous", async () => {
      const [row] = await queryOnce(primary.url, "select sync_state from pg_stat_replication");
      return row?.sync_state === "quorum";
    });
  } catch (error) {
    await remove();
    throw error;
  }
  const both = primary.url.replace(/@([^/]*)\//, `@$1,127.0.0.1:${replica.port}/`);
  return { primary, replica, url: both, remove };
}

function clusterNode(
  home: string,
  port: number,
  settings: Record<string, string>,
): ClusterNode & { dir: string; name: string; stop(): Promise<void> } {
  const dir = join(home, "postgres");
  const name = `node_${port}`;
  let server: Awaited<ReturnType<typeof startEmbeddedPostgres>> | undefined;
  const query = (text: string) => queryOnce(server!.url, text);
  const start = async () => {
    server = await startEmbeddedPostgres({
      dir,
      log,
      port,
      settings: { ...replicationSettings, ...settings },
      keepAlive: false,
    });
  };
  const stop = async () => {
    const left = await findPostmaster(dir);
    if (left) await bringDown(left, log);
  };
  const signal = async (what: NodeJS.Signals) => {
    // First, so that it begins no others.
    process.kill(server!.pid, what);
    for (const pid of await childrenOf(server!.pid)) {
      try {
        process.kill(pid, what);
      } catch (error) {
        // The connection that it was for has ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  };
  return {
    dir,
    name,
    port,
    get url() {
      return server!.url;
    },
    start,
    stop,
    async kill() {
      const { pid } = server!;
      process.kill(pid, "SIGKILL");
      await until(`process ${pid} is dead`, async () => !isAlive(pid));
    },
    pause: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    stopReplay: () => query("select pg_wal_replay_pause()").then(() => {}),
    goOnReplaying: () => query("select pg_wal_replay_resume()").then(() => {}),
    promote: () => query("select pg_promote()").then(() => {}),
    async follow(primary) {
      await stop();
      await makeReplica(
        { url: primary.url, dir: (primary as ClusterNode & { dir: string }).dir },
        { dir, name },
      );
      await start();
    },
  };
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const parents = await Promise.all(
    pids.map((pid) =>
      readFile(`/proc/${pid}/stat`, "utf8").then(
        (text) => text.split(") ")[1],
        () => "",
      ),
    ),
  );
  return pids.filter((_, i) => Number(parents[i]?.split(" ")[1]) === parent);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !(await isSo()); await delay(20))
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
}
