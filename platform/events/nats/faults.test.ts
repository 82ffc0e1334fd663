import { randomUUID } from "node:crypto";
import { createServer, connect as dial, type Socket } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { Pool } from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { added, openEventLog, writeEffects } from "#platform/testing/event-log.ts";
import { type NatsLog, openNatsLog } from "#platform/testing/nats-log.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { type PrivateNats, withNats } from "#platform/testing/private-nats.ts";
import { leaveGapIfRestored } from "../log/restored.ts";
import { readOrigin } from "../log/table-source.ts";
import { ensureStream, namesOf } from "./event-stream.ts";
import { linkNats } from "./nats-link.ts";
import { natsScope } from "./nats-scope.ts";
import { openOutbox } from "./outbox.ts";
import { packRows, unpackRows } from "./packed-rows.ts";
import { leaderLock, startRelay } from "./relay.ts";

const soon = { interval: 20, timeout: patienceMs };
const keys = ["a", "b", "c", "d", "e", "f", "g"];

/** Writes events of a few keys, each numbered, until it is told to stop. */
function keepWriting(log: NatsLog) {
  const written: string[] = [];
  let stopping = false;
  const run = async () => {
    while (!stopping) {
      const values = keys.map((key) => `${key}:${written.length + keys.indexOf(key)}`);
      await log.emit(...values);
      written.push(...values);
    }
  };
  const running = run();
  return {
    written,
    /** Resolves when some more are written. */
    async some() {
      const until = written.length + 70;
      await expect.poll(() => written.length, soon).toBeGreaterThan(until);
    },
    async stop() {
      stopping = true;
      await running;
    },
  };
}

/** Each event is acted on once, and in order within its key. */
async function expectAll(log: NatsLog, written: string[]): Promise<void> {
  await expect.poll(async () => (await log.effects()).length, soon).toBeGreaterThanOrEqual(written.length);
  const effects = await log.effects();
  const of = (key: string, values: string[]) => values.filter((value) => value.startsWith(`${key}:`));
  for (const key of keys) expect(of(key, effects)).toEqual(of(key, written));
}

/** The last position that was given out. */
async function readOutboxEnd(log: NatsLog): Promise<number> {
  const { rows } = await log.here.database.pool.query("select last_value from events.log_position_seq");
  return Number(rows[0].last_value);
}

/** What somebody does to the stream, who has the right to. */
async function meddle(log: NatsLog, url: string) {
  const connection = await connect({ servers: url.split(",").map((one) => one.slice(7)) });
  const { streams } = await jetstreamManager(connection);
  const { stream } = namesOf(log.scope, await readOrigin(log.here.database.pool));
  return { connection, streams, stream };
}

interface Scene {
  nats: PrivateNats;
  log: NatsLog;
  /** The process that acts on events. */
  reader: { stop(): Promise<void> };
  some(): Promise<void>;
}
const faults: Record<string, (scene: Scene) => Promise<void>> = {
  async "the stream is deleted"({ nats, log }) {
    const { connection, streams, stream } = await meddle(log, nats.url);
    await streams.delete(stream);
    await connection.close();
  },
  async "the stream is emptied"({ nats, log }) {
    const { connection, streams, stream } = await meddle(log, nats.url);
    await streams.purge(stream);
    await connection.close();
  },
  async "a message is removed before it was read"({ nats, log, reader, some }) {
    const { connection, streams, stream } = await meddle(log, nats.url);
    await reader.stop();
    const { state } = await streams.info(stream);
    await some();
    await expect
      .poll(async () => (await streams.info(stream)).state.last_seq, soon)
      .toBeGreaterThan(state.last_seq + 20);
    for (const more of [10, 11, 15]) await streams.deleteMessage(stream, state.last_seq + more);
    log.consume();
    await connection.close();
  },
  async "messages are there twice, and others that are no events"({ nats, log }) {
    const { connection, streams, stream } = await meddle(log, nats.url);
    // A message may have very many events.
    await expect.poll(async () => (await streams.info(stream)).state.last_seq, soon).toBeGreaterThan(5);
    const { state } = await streams.info(stream);
    for (const back of [5, 1, 0]) {
      const message = await streams.getMessage(stream, { seq: state.last_seq - back });
      const { header, subject, data } = message!;
      for (const name of ["Nats-Msg-Id", "Nats-Expected-Last-Sequence"]) header.delete(name);
      await connection.request(subject, data, { headers: header, timeout: patienceMs });
      await connection.request(subject, "no event", { timeout: patienceMs });
    }
    await connection.close();
  },
  async "somebody without the secret writes events to it"({ nats, log }) {
    const { connection, streams, stream } = await meddle(log, nats.url);
    const { state } = await streams.info(stream);
    const { header, subject, data } = (await streams.getMessage(stream, { seq: state.last_seq }))!;
    for (const name of ["Nats-Msg-Id", "Nats-Expected-Last-Sequence"]) header.delete(name);
    for (const position of ["1000000000", "140737488355328", "999999999999999"])
      for (const signature of [header.get("Douya-Signature"), ""]) {
        header.set("Douya-Previous", "0");
        header.set("Douya-Position", position);
        header.set("Douya-Signature", signature);
        if (!signature) header.delete("Douya-Signature");
        const forged = packRows(unpackRows(data)!.map((row) => ({ ...row, position })));
        await connection.request(subject, forged, { headers: header, timeout: patienceMs });
      }
    await connection.close();
  },
  async "the server is killed"({ nats, some }) {
    await nats.kill();
    await some();
    await nats.restart();
  },
  async "the server is killed and loses its data"({ nats }) {
    await nats.wipe();
  },
  async "the server stands still"({ nats, some }) {
    nats.signal("SIGSTOP");
    await some();
    nats.signal("SIGCONT");
  },
};

describe("while events are written", () => {
  const nats = withNats();
  let log: NatsLog;
  beforeEach(async () => {
    log = await openNatsLog(nats().url);
  });
  afterEach(() => log.close());

  it.each(Object.entries(faults))("%s: nothing is lost, doubled or out of order", async (_, fault) => {
    const reader = log.consume();
    const writing = keepWriting(log);
    await expect.poll(async () => (await log.effects()).length, soon).toBeGreaterThan(50);
    await fault({ nats: nats(), log, reader, some: writing.some });
    await writing.some();
    await writing.stop();
    await expectAll(log, writing.written);
    expect(await readOutboxEnd(log)).toBeLessThan(1_000_000);
  });

  it("a second relay by mistake does no harm", async () => {
    log.consume();
    const quiet = createLog("silent");
    const { pool } = log.here.database;
    /** Believes that it leads. */
    const credulous = {
      async connect() {
        const client = await pool.connect();
        const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
        const release = client.release.bind(client);
        return Object.assign(Object.create(client), {
          release,
          query: (...args: unknown[]) =>
            String(args[0]).includes("pg_try_advisory_lock")
              ? Promise.resolve({ rows: [{ leads: true }] })
              : query(...args),
        });
      },
    } as unknown as Pool;
    const link = linkNats(nats().url, quiet);
    const second = startRelay({ pool: credulous, link, scope: log.scope, log: quiet });
    const writing = keepWriting(log);
    await expect.poll(async () => (await log.effects()).length, soon).toBeGreaterThan(300);
    await writing.stop();
    await expectAll(log, writing.written);
    await second.stop();
    await link.close();
  });

  it("a connection that is cut is made again", async () => {
    const sockets = new Set<Socket>();
    const { hostname, port } = new URL(nats().url);
    const proxy = createServer((client) => {
      const onward = dial(Number(port), hostname);
      for (const [from, to] of [
        [client, onward],
        [onward, client],
      ] as const) {
        sockets.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const url = `nats://127.0.0.1:${(proxy.address() as { port: number }).port}`;
    const cut = await openNatsLog(url);
    cut.consume();
    const writing = keepWriting(cut);
    for (let round = 0; round < 2; round++) {
      await expect.poll(async () => (await cut.effects()).length, soon).toBeGreaterThan(50);
      for (const socket of sockets) socket.destroy();
      await writing.some();
    }
    await writing.stop();
    await expectAll(cut, writing.written);
    await cut.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
});

describe("a database that is put back to an earlier moment", () => {
  const nats = withNats();
  const emptied = async (log: NatsLog) => {
    const { connection, streams, stream } = await meddle(log, nats().url);
    await streams.purge(stream);
    await connection.close();
  };

  it.each([
    ["", async () => {}],
    [" and NATS is empty", emptied],
  ])("gives out no position again%s: groups in other databases miss nothing", async (_, fault) => {
    const log = await openNatsLog(nats().url);
    const { pool } = log.here.database;
    await leaveGapIfRestored(pool);
    await log.emit("a:1", "a:2");
    const backup = await readOutboxEnd(log);
    const reader = log.consume();
    await log.emit("a:lost", "b:lost", "c:lost");
    await expect.poll(log.effects, soon).toHaveLength(5);
    await reader.stop();
    await log.writer.stop();
    await pool.query("delete from events.log where position > $1", [backup]);
    await pool.query("select setval('events.log_position_seq', $1)", [backup]);
    await pool.query("update events.origin set history = 'of another timeline'");
    await fault(log);
    // NATS is away while they start and write.
    expect(await leaveGapIfRestored(pool)).toBe(true);
    const before = log.join(log.here, "nats://127.0.0.1:1");
    await before.events.transaction(log.here.db, async (_transaction, emit) => {
      for (const value of ["a:3", "b:1", "c:1"]) emit(added, { value });
    });
    await before.stop();
    log.join(log.here);
    log.consume();
    await expect.poll(async () => (await log.effects()).slice(5).sort(), soon).toEqual(["a:3", "b:1", "c:1"]);
    await log.close();
  });
});

describe("of three servers", () => {
  const nats = withNats({ nodes: 3 });

  it("a stream that was made when there was one gets three copies", async () => {
    const link = linkNats(nats().url, createLog("silent"));
    await expect.poll(() => link.problem(), soon).toBeUndefined();
    const { streams } = link.current()!;
    const names = namesOf(natsScope("thin"), randomUUID());
    await streams.add({ name: names.stream, subjects: [names.subject], num_replicas: 1 });
    await ensureStream(link.current()!, names);
    expect((await streams.info(names.stream)).config.num_replicas).toBe(3);
    await link.close();
  });

  it("a stream that loses copies while events are copied to it gets them back", async () => {
    const [link, log] = [linkNats(nats().url, createLog("silent")), await openEventLog()];
    const scope = natsScope("watched");
    const relay = startRelay({
      pool: log.database.pool,
      link,
      scope,
      ensureMs: 50,
      log: createLog("silent"),
    });
    const { stream } = namesOf(scope, await readOrigin(log.database.pool));
    const copies = async () => (await link.current()!.streams.info(stream)).config.num_replicas;
    const found = () => copies().catch(() => undefined);
    await expect.poll(found, soon).toBe(3);
    await log.emit("a:1");
    // It leads and copies, so it does not begin anew.
    await expect.poll(async () => (await link.current()!.streams.info(stream)).state.messages, soon).toBe(1);
    await link.current()!.streams.update(stream, { num_replicas: 1 });
    await expect.poll(found, soon).toBe(3);
    await relay.stop();
    await link.close();
    await log.close();
  });

  it("the one that leads is killed: nothing is lost, doubled or out of order", async () => {
    const log = await openNatsLog(nats().url);
    log.consume();
    const writing = keepWriting(log);
    await expect.poll(async () => (await log.effects()).length, soon).toBeGreaterThan(50);
    const { connection, streams, stream } = await meddle(log, nats().url);
    const { cluster, config, created } = await streams.info(stream);
    expect(config.num_replicas).toBe(3);
    await connection.close();
    const leader = nats().nodes.find(({ url }) => `n${new URL(url).port}` === cluster!.leader)!;
    await leader.kill();
    await writing.some();
    await writing.stop();
    await expectAll(log, writing.written);
    // By which requests to copy again name it.
    const others = nats().nodes.filter((node) => node !== leader);
    const again = await meddle(log, others.map(({ url }) => url).join());
    expect((await again.streams.info(stream)).created).toBe(created);
    await again.connection.close();
    await leader.restart();
    await log.close();
  });
});

it("no position is taken from a stream that leaves few behind it", async () => {
  const log = await openNatsLog("nats://127.0.0.1:1");
  const client = await log.here.database.pool.connect();
  const before = await readOutboxEnd(log);
  await expect(openOutbox(client).pass(2 ** 47 + 1)).rejects.toMatchObject({
    reason: "EVENT_POSITION_TOO_HIGH",
  });
  expect(await readOutboxEnd(log)).toBe(before);
  client.release();
  await log.close();
});

describe("where nobody relays", () => {
  const nats = withNats();
  it("a process acts on what its own database has", async () => {
    const log = await openNatsLog(nats().url);
    const holder = await log.there.database.pool.connect();
    await expect
      .poll(async () => {
        const { rows } = await holder.query(`select pg_try_advisory_lock(${leaderLock}) as mine`);
        return rows[0].mine;
      }, soon)
      .toBe(true);
    const alone = log.consume();
    const names = namesOf(log.scope, await readOrigin(log.there.database.pool));
    await expect.poll(() => alone.link.problem(), soon).toBeUndefined();
    await ensureStream(alone.link.current()!, names);
    await alone.events.transaction(log.there.db, async (_, emit) => emit(added, { value: "a:1" }));
    await expect.poll(log.effects, soon).toEqual(["a:1"]);
    holder.release(true);
    await log.close();
  });
});

it("without NATS, a process acts on what its own database has", async () => {
  const log = await openNatsLog("nats://127.0.0.1:1");
  const alone = log.join(log.there);
  alone.events.consume({ group: "test", types: [added], handle: writeEffects });
  await alone.events.transaction(log.there.db, async (_, emit) => emit(added, { value: "a:1" }));
  await expect.poll(log.effects, soon).toEqual(["a:1"]);
  expect(alone.link.problem()).toContain("does not answer");
  await log.close();
});
