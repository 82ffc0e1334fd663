import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type StringValue, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { afterCommit } from "#platform/db/transaction.ts";
import { createEvents, type Events } from "#platform/events/events.ts";
import { readOrigin } from "#platform/events/log/table-source.ts";
import { migrations } from "#platform/events/migrations.ts";
import { ensureStream, namesOf, readEnd } from "#platform/events/nats/event-stream.ts";
import { createNatsEvents } from "#platform/events/nats/nats-events.ts";
import { linkNats, type Nats } from "#platform/events/nats/nats-link.ts";
import { natsScope } from "#platform/events/nats/nats-scope.ts";
import { orderedPublisher } from "#platform/events/nats/ordered-publisher.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { startPrivateNats } from "#platform/testing/nats-server.ts";
import type { Bench } from "./bench.ts";
import { compare } from "./rounds.ts";
import { type Row, ratioRow } from "./scoreboard.ts";

const log = createLog("error");
const happened = {
  name: "bench.happened.v1",
  schema: StringValueSchema,
  key: ({ value }: StringValue) => value,
};
const events = 20_000;
const payload = Buffer.concat([Buffer.from([0x0a, 100]), Buffer.alloc(100, "x")]);
const probes = 300;
const betweenProbesMs = 7;
const budgetMs = 50;
const scope = natsScope("bench");

interface Tables {
  effect: { n: number };
}

/**
 * Committed events, from one database through JetStream to committed effects in another, against the same messages
 * published bare, at most a thousand unacknowledged. And how long a single one takes at a low rate.
 */
export const relay: Bench = async (environment, { rounds }) => {
  const dir = await mkdtemp(join(tmpdir(), "douya-relay-"));
  const postgres = await startEmbeddedPostgres({ dir, log });
  const server = await startPrivateNats(1, "");
  environment.owns({
    async stop() {
      await server.remove();
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  });
  const admin = openDatabase(postgres.url, { log });
  const open = async (name: string): Promise<Database> => {
    await admin.pool.query(`create database ${name}`);
    const database = openDatabase(postgres.url.replace(/@\/[^?]*/, `@/${name}`), { log });
    await migrate(database, "lease", leaseMigrations);
    await migrate(database, "events", migrations);
    await database.pool.query("create schema bench; create table bench.effect (n int not null)");
    return database;
  };
  const [here, there] = await Promise.all([open("bench_here"), open("bench_there")]);
  const origins = await Promise.all([here, there].map(({ pool }) => readOrigin(pool)));
  const links = [here, there].map(() => linkNats(server.url, log));
  const leases = [here, there].map((database) => startLease(database.pool, { log }));
  const [writes, consumes] = [here, there].map((database, i) =>
    createEvents({
      databases: [{ database, lease: leases[i]! }],
      databaseOf: () => database,
      nats: createNatsEvents({ link: links[i]!, scope, elsewhere: [origins[1 - i]!], log }),
      log,
    }),
  );
  const bench: Events<Tables> = writes!.of("bench");
  let handled = 0;
  let onHandled = () => {};
  consumes!.of<Tables>("bench").consume({
    group: "bench",
    types: [happened],
    async handle(transaction, some) {
      await transaction.insertInto("effect").values({ n: some.length }).execute();
      afterCommit(transaction, () => {
        handled += some.length;
        onHandled();
      });
    },
  });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      onHandled = () => handled >= count && resolve();
      onHandled();
    });
  await bench.transaction(here.of("bench"), async (_, emit) => emit(happened, { value: "first" }));
  await until(1);

  async function ours(): Promise<number> {
    const target = handled + events;
    await here.pool.query(
      `select events.append(array_agg((n % 16)::int2), array_agg($2::text), array_agg(n::text), array_agg($3::bytea), array_agg($4::text))
       from generate_series(1, $1::int) n`,
      [events, happened.name, payload, "0".repeat(32)],
    );
    const startedMs = performance.now();
    await until(target);
    return events / ((performance.now() - startedMs) / 1000);
  }

  const latencies: number[] = [];
  for (let i = 0; i < probes; i++) {
    await bench.transaction(here.of("bench"), async (_, emit) => emit(happened, { value: String(i) }));
    const committedMs = performance.now();
    const target = handled + 1;
    await until(target);
    latencies.push(performance.now() - committedMs);
    await delay(betweenProbesMs);
  }
  latencies.sort((a, b) => a - b);
  const compared = await compare(rounds, ours, () => publishBare(links[0]!.current()!));
  await Promise.all([writes!.stop(), consumes!.stop()]);
  await Promise.all(links.map((link) => link.close()));
  await Promise.all(leases.map((lease) => lease.release()));
  await Promise.all([here, there, admin].map((database) => database.close()));
  const p99 = latencies[Math.floor(latencies.length * 0.99)]!;
  const latency: Row = {
    name: "relay-latency",
    unit: "ms p99",
    ours: p99,
    ceiling: undefined,
    ratio: undefined,
    budget: `≤ ${budgetMs} ms`,
    met: p99 <= budgetMs,
    detail: { medianMs: latencies[latencies.length >> 1] },
  };
  return [ratioRow("relay", "events/s", compared, { atLeast: 0.6 }), latency];
};

/** The same messages to a stream of the same settings, in batches of a thousand. */
async function publishBare(nats: Nats): Promise<number> {
  const origin = randomUUID();
  const names = namesOf(scope, `bare-${origin}`);
  await ensureStream(nats, names);
  const publisher = orderedPublisher(nats, names, origin);
  let end = await readEnd(nats, names);
  const at = new Date();
  const startedMs = performance.now();
  for (let done = 0; done < events; done += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, i) => ({
      partition: i % 16,
      position: String(done + i + 1),
      type: happened.name,
      key: String(i),
      payload,
      trace_id: "0".repeat(32),
      at,
    }));
    await publisher.publish(
      rows.map((row) => [row]),
      end,
      { again: "", partitioning: "" },
    );
    end = { ...end, sequence: end.sequence + rows.length, position: done + rows.length };
  }
  const seconds = (performance.now() - startedMs) / 1000;
  publisher.close();
  await nats.streams.delete(names.stream);
  return events / seconds;
}
