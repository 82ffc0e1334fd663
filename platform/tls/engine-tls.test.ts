import { chown, copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkDatabase } from "../db/check-database.ts";
import { openDatabase } from "../db/database.ts";
import { checkNats } from "../events/nats/check-nats.ts";
import { createLog } from "../observe/log.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../postgres/embedded-postgres.ts";
import { checkRedis } from "../redis/check-redis.ts";
import { connectRedis } from "../redis/redis-client.ts";
import { checkEtcd } from "../registry/etcd/check-etcd.ts";
import { type EngineProcess, startEngine } from "../testing/engine-process.ts";
import { freePorts } from "../testing/free-ports.ts";
import { makeAuthority, type TestAuthority } from "../testing/make-certificates.ts";
import { startPrivateNats } from "../testing/nats-server.ts";
import { queryOnce } from "../testing/query-once.ts";
import { withEngine } from "../testing/with-engine.ts";
import type { TlsFiles } from "./certificates.ts";
import { type EngineTls, readEngineTls } from "./engine-tls.ts";

const log = createLog("silent");
let folder: string;
let authority: TestAuthority;
let stranger: TestAuthority;
let server: TlsFiles;
let tls: Required<EngineTls>;
let wrongCa: EngineTls;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-engines-"));
  [authority, stranger] = await Promise.all([makeAuthority(), makeAuthority()]);
  server = await authority.issue("server");
  tls = readEngineTls(await authority.issue("ours")) as Required<EngineTls>;
  wrongCa = { ...tls, ca: await readFile((await stranger.issue("other")).ca) };
});
afterAll(async () => {
  await Promise.all([authority?.remove(), stranger?.remove()]);
  await rm(folder, { recursive: true, force: true });
});

/** An engine that speaks TLS, and wants to see a certificate. */
type TlsEngine = { process: EngineProcess; port: number; remove(): Promise<void> };
async function startTls(
  program: string,
  args: (port: number, other: number) => string[] | Promise<string[]>,
) {
  const [port, other] = (await freePorts(2)) as [number, number];
  const isListening = async () => {
    const { connect } = await import("node:net");
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(void socket.destroy()));
      socket.once("error", reject);
    });
    return true;
  };
  const engine = await startEngine(program, await args(port, other), isListening);
  return { process: engine, port, remove: () => engine.kill() };
}

interface Checked {
  name: string;
  engine(): TlsEngine;
  check(url: string, tls?: EngineTls): Promise<string>;
  encrypted: string;
  plain: string;
}
function holds({ name, engine, check, encrypted, plain }: Checked): void {
  const at = (scheme: string) => `${scheme}127.0.0.1:${engine().port}`;

  test("is used with the right authority and certificate", async () => {
    // It may still be choosing its leader.
    await expect.poll(() => check(at(encrypted), tls).catch(String)).toMatch(new RegExp(`^${name} [0-9]`));
  });
  test("is not trusted by another authority, and it is said how to mend that", async () => {
    await expect(check(at(encrypted), wrongCa)).rejects.toThrow(/not trusted.*DOUYA_ENGINE_CA/);
    await expect(check(at(encrypted))).rejects.toThrow(/not trusted.*DOUYA_ENGINE_CA/);
  });
  test("wants to see our certificate, and it is said where it is named", async () => {
    await expect(check(at(encrypted), { ca: tls.ca })).rejects.toThrow(/DOUYA_ENGINE_CERT/);
  });
  test("is not spoken to in plain text", async () => {
    await expect(check(at(plain), tls)).rejects.toThrow(`${encrypted.replace(/\/\/$/, "")}`);
  });
}

describe("etcd", () => {
  const etcd = withEngine("etcd", ["etcd"], () =>
    startTls("etcd", (port, other) => [
      ...["--data-dir", join(folder, "etcd"), "--unsafe-no-fsync", "--log-level", "error"],
      ...["--listen-client-urls", `https://127.0.0.1:${port}`],
      ...["--advertise-client-urls", `https://127.0.0.1:${port}`],
      ...["--listen-peer-urls", `http://127.0.0.1:${other}`],
      ...["--initial-advertise-peer-urls", `http://127.0.0.1:${other}`],
      ...["--initial-cluster", `default=http://127.0.0.1:${other}`],
      ...["--cert-file", server.cert, "--key-file", server.key],
      ...["--trusted-ca-file", server.ca, "--client-cert-auth"],
    ]),
  );
  const check = (url: string, given?: EngineTls) => checkEtcd(url, "/douya/", given);
  holds({ name: "etcd", engine: etcd, check, encrypted: "https://", plain: "http://" });
});

describe("Redis", () => {
  const redis = withEngine("redis", ["redis-server"], () =>
    startTls("redis-server", (port) => [
      ...["--port", "0", "--tls-port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
      ...["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lfu"],
      ...["--tls-cert-file", server.cert, "--tls-key-file", server.key],
      ...["--tls-ca-cert-file", server.ca, "--tls-auth-clients", "yes"],
    ]),
  );
  holds({ name: "Redis", engine: redis, check: checkRedis, encrypted: "rediss://", plain: "redis://" });

  test("processes share its memory that way", async () => {
    const client = connectRedis(`rediss://127.0.0.1:${redis().port}`, { prefix: "douya:", log, tls });
    await expect.poll(() => client.problem()).toBeUndefined();
    client.close();
  });
});

describe("NATS", () => {
  const nats = withEngine("nats-server", ["nats-server"], () =>
    startTls("nats-server", async (port) => {
      const file = join(folder, "nats.conf");
      const { cert, key, ca } = server;
      const config = [
        `listen: "127.0.0.1:${port}"`,
        `jetstream { store_dir: "${join(folder, "nats")}" }`,
        `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${ca}", verify: true }`,
      ];
      await writeFile(file, config.join("\n"));
      return ["-c", file];
    }),
  );
  holds({ name: "nats-server", engine: nats, check: checkNats, encrypted: "tls://", plain: "nats://" });

  test("one that does not speak TLS is not used without it where TLS is wanted", async () => {
    const plain = await startPrivateNats(1, "");
    await expect(checkNats(plain.url.replace("nats://", "tls://"), tls)).rejects.toThrow(/tls:\/\//);
    await plain.remove();
  });
});

describe("PostgreSQL", () => {
  let postgres: EmbeddedPostgres;
  const settings = () => join(folder, "pg", "postgres");
  const withMode = (query: string) => `${postgres.url.split("?")[0]}?${query}`;

  beforeAll(async () => {
    const [port] = (await freePorts(1)) as [number];
    postgres = await startEmbeddedPostgres({ dir: settings(), log, port, keepAlive: false });
  });
  afterAll(() => postgres?.stop());

  test("one that does not speak TLS is not used where TLS is wanted", async () => {
    const url = withMode(`sslmode=verify-full&sslrootcert=${server.ca}`);
    await expect(checkDatabase(url, [])).rejects.toThrow(/does not speak TLS.*ssl = on/);
  });

  test("is used with verify-full and the right authority, and not otherwise", async () => {
    const { uid, gid } = await stat(settings());
    for (const what of ["cert", "key"] as const) {
      await copyFile(server[what], join(settings(), `server.${what}`));
      await chown(join(settings(), `server.${what}`), uid, gid);
    }
    await queryOnce(postgres.url, "alter system set ssl_cert_file = 'server.cert'");
    await queryOnce(postgres.url, "alter system set ssl_key_file = 'server.key'");
    await queryOnce(postgres.url, "alter system set ssl = on");
    const hba = join(settings(), "pg_hba.conf");
    await writeFile(hba, (await readFile(hba, "utf8")).replace(/^host\b/gm, "hostssl"));
    await queryOnce(postgres.url, "select pg_reload_conf()");

    const url = withMode(`sslmode=verify-full&sslrootcert=${server.ca}`);
    await expect.poll(() => checkDatabase(url, []).catch(String)).toMatch(/^PostgreSQL \d/);
    const database = openDatabase(url, { log });
    const { rows } = await sql<{ ssl: boolean }>`
      select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(database.of("public"));
    expect(rows).toEqual([{ ssl: true }]);
    await database.close();

    const { ca } = await stranger.issue("third");
    await expect(checkDatabase(withMode(`sslmode=verify-full&sslrootcert=${ca}`), [])).rejects.toThrow(
      /not trusted.*sslrootcert/,
    );
    await expect(checkDatabase(postgres.url, [])).rejects.toThrow(/wants TLS.*sslmode=verify-full/);
  });
});

describe("the files", () => {
  const refused = (what: RegExp) =>
    expect.objectContaining({ reason: "ENGINE_TLS_UNUSABLE", message: expect.stringMatching(what) });
  const files = (given: Partial<TlsFiles>) => () => readEngineTls({ ca: "", cert: "", key: "", ...given });

  test("that are not there, do not belong together or are no PEM are told at the start", async () => {
    expect(files({})()).toEqual({});
    expect(files({ ca: join(folder, "none.pem") })).toThrow(refused(/none\.pem cannot be read \(ENOENT\)/));
    expect(files({ cert: server.cert })).toThrow(refused(/belong together/));
    const other = await stranger.issue("fourth");
    expect(files({ cert: server.cert, key: other.key })).toThrow(refused(/belong together/));
    const text = join(folder, "text.pem");
    await writeFile(text, "no certificate");
    expect(files({ ca: text })).toThrow(refused(/text\.pem is not what it should be/));
  });
});
