import pg from "pg";
import { tlsProblem } from "../tls/engine-tls.ts";
import { type ServerAddress, serverAddresses } from "./server-addresses.ts";

/** jsonb, generated columns, `pg_current_xact_id` and what reports that a server is a replica are there from here on. */
const oldestVersion = 14;
const answerMs = 5_000;
const tolerableLagMs = 10_000;

interface Found {
  version: string;
  major: number;
  standby: boolean;
  system: string;
  synchronous_commit: string;
  wal_level: string;
  standbys: string;
  lag_ms: number;
}

const question = `
  select current_setting('server_version') as version,
    current_setting('server_version_num')::int / 10000 as major, pg_is_in_recovery() as standby,
    (select system_identifier::text from pg_control_system()) as system,
    current_setting('synchronous_commit') as synchronous_commit, current_setting('wal_level') as wal_level,
    current_setting('synchronous_standby_names') as standbys,
    case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
      else coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()) * 1000, 0) end::float8 as lag_ms`;

/** Version, latency and roles of the servers that are named. An error says what to mend, of each. */
export async function checkDatabase(url: string, replicaUrls: readonly string[]): Promise<string> {
  const named = [...serverAddresses(url), ...replicaUrls.flatMap(serverAddresses)];
  const each = [...new Map(named.map((address) => [`${address.host}:${address.port}`, address])).entries()];
  const looks = await Promise.all(
    each.map(async ([where, address]) => ({ where, ...(await look(address)) })),
  );
  const problems = looks.flatMap(({ where, problem }) => (problem ? [`${where}: ${problem}`] : []));
  const found = looks.flatMap(({ where, found, tookMs }) => (found ? [{ where, tookMs, ...found }] : []));
  const primaries = found.filter(({ standby }) => !standby);
  const system = primaries[0]?.system;
  if (found.length > 0 && primaries.length === 0)
    problems.push("none of them is a primary: promote one, or name the primary in DOUYA_DATABASE_URL");
  if (primaries.length > 1)
    problems.push(
      `${primaries.map(({ where }) => where).join(" and ")} both take writes: make all but the promoted one replicas again`,
    );
  for (const one of found) {
    if (one.major < oldestVersion)
      problems.push(`${one.where}: PostgreSQL ${one.version} is too old: use ${oldestVersion} or newer`);
    if (system && one.system !== system)
      problems.push(`${one.where}: it is no copy of the primary: make it one with pg_basebackup`);
    if (one.standby && one.lag_ms > tolerableLagMs)
      problems.push(
        `${one.where}: ${Math.round(one.lag_ms / 1000)} s behind: look at its load and its network`,
      );
    if (one.standby) continue;
    if (one.synchronous_commit === "off")
      problems.push(
        `${one.where}: synchronous_commit is off, so a power cut loses acknowledged writes: set it to on`,
      );
    if (named.length > 1 && one.wal_level === "minimal")
      problems.push(`${one.where}: wal_level is minimal, which replicas cannot follow: set it to replica`);
    if (named.length > 1 && one.standbys === "")
      problems.push(
        `${one.where}: synchronous_standby_names is empty, so a failover may lose acknowledged writes: set it to 'ANY 1 (*)'`,
      );
  }
  if (problems.length > 0) throw new Error(problems.join("; "));
  return found
    .map(({ where, version, standby, tookMs, lag_ms: lagMs, wal_level: level }) => {
      const role =
        named.length === 1 ? "" : standby ? ` (replica, ${Math.round(lagMs)} ms behind)` : " (primary)";
      const moving =
        standby || level === "logical"
          ? ""
          : `; wal_level is ${level}: set it to logical before you move a module while processes serve`;
      return `PostgreSQL ${version} at ${where}${role}, answers in ${tookMs} ms${moving}`;
    })
    .join("; ");
}

async function look(address: ServerAddress): Promise<{ found?: Found; tookMs?: number; problem?: string }> {
  const client = new pg.Client({
    connectionString: address.url,
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    const startedMs = performance.now();
    await client.query("select 1");
    const tookMs = Math.round(performance.now() - startedMs);
    return { found: (await client.query<Found>(question)).rows[0]!, tookMs };
  } catch (error) {
    return { problem: inWords(error as Error & { code?: string }) };
  } finally {
    await client.end().catch(() => {});
  }
}

function inWords(error: Error & { code?: string }): string {
  const { code = "", message } = error;
  if (/does not support SSL/.test(message))
    return "it does not speak TLS, which sslmode in its address wants: set ssl = on there";
  if (code === "28000" && /SSL off|no encryption/.test(message))
    return "it wants TLS: write ?sslmode=verify-full&sslrootcert=FILE in its address";
  const problem = tlsProblem(error)?.replace("in DOUYA_ENGINE_CA", "in its address: sslrootcert=FILE");
  if (problem) return problem;
  if (code === "28P01" || code === "28000")
    return `it does not let us in (${message}): correct user and password`;
  if (code === "3D000") return `${message}: create it, or correct the name`;
  if (code === "ECONNREFUSED") return "nothing listens there: start it, or correct the address";
  if (code === "ENOTFOUND") return "there is no such host: correct the address";
  return `it does not answer (${message}): is it up, and is the way there open?`;
}
