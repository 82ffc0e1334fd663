import { setTimeout as delay } from "node:timers/promises";
import type { Bench, BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import type { TokenRoute } from "./ceilings/answer-to-token.ts";
import type { WrittenBatches } from "./ceilings/write-batches.ts";
import { classicFeed, emptyPost, getRequest } from "./client.ts";
import type { Dataset } from "./dataset.ts";
import { runLoad, startGenerator } from "./generate.ts";
import type { Conversed, Open, Opened, SocketsJob } from "./load/sockets.ts";
import { compare } from "./rounds.ts";
import { type Row, ratioRow, row } from "./scoreboard.ts";
import { cpuMs, residentBytes } from "./server-process.ts";
import { startWorker } from "./worker.ts";

/** A process has 20,000 descriptors on many machines, and some of them are no connections. */
const perProcess = Number(process.env.CONNECTIONS ?? 19_000);
const atOnce = 256;
/** Memory that was needed for a short time only is given back. */
const settleMs = 15_000;
const pairs = Number(process.env.PAIRS ?? 2_000);
const echoing = 256;
const behind = 50;

/** Memory of a connection over which nothing happens, beside that of a bare WebSocket. */
export const realtimeIdle: Bench = async (environment) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve();
  const callers = await dataset.callers(server, perProcess);
  const bare = environment.owns(startWorker<object, number>("ceilings/hold-sockets"));
  const barePort = await bare.ask({});
  const hellos = callers.map(({ token }) => ({ token }));
  const ours = await perConnection(environment, server.pid, { ports: [server.port], hellos });
  const theirs = await perConnection(environment, bare.pid, { ports: [barePort] });
  for (const it of [bare, server, dataset]) await it.stop();
  const unit = `bytes of ${perProcess.toLocaleString("en")} connections each`;
  const ratio = ours / theirs;
  const detail = { connections: perProcess };
  return [
    { name: "realtime-idle", unit, ours, ceiling: theirs, ratio, budget: "≤ 2", met: ratio <= 2, detail },
    row("realtime-idle-bytes", unit, ours, "≤ 12,288", ours <= 12_288, detail),
  ];
};

async function perConnection(
  environment: BenchEnvironment,
  pid: number,
  where: Pick<Open, "ports" | "hellos">,
): Promise<number> {
  const sockets = startSockets(environment);
  const before = (await residentBytes(pid))!;
  await sockets.ask({ do: "open", ...where, connections: perProcess, atOnce });
  await delay(settleMs);
  const bytes = ((await residentBytes(pid))! - before) / perProcess;
  await sockets.stop();
  return bytes;
}

/**
 * Messages that are sent, stored, delivered to somebody online and acknowledged, against what two cores could do at best:
 * a request with a token, the rows in batches, and two frames.
 */
export const realtimeDeliver: Bench = async (environment, options) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir: options.profileDir });
  const callers = await dataset.callers(server, 2 * pairs);
  const people = callers.map(({ id }) => id);
  await acquaint(dataset, people);
  const sockets = startSockets(environment);
  const hellos = callers.map(({ token }) => ({ token }));
  await sockets.ask({ do: "open", ports: [server.port], hellos, connections: 2 * pairs, atOnce });
  const converse = { do: "converse", pairs, people, durationMs: options.roundMs } as const;
  const loads: object[] = [];
  const conversed = async () => {
    const spentMs = () => Promise.all([cpuMs(server.pid), dataset.cpuMs()]);
    const before = await spentMs();
    const load = (await sockets.ask(converse)) as Conversed;
    const [nodeUs, postgresUs] = (await spentMs()).map(
      (ms, i) => ((ms - before[i]!) * 1000) / load.delivered,
    );
    loads.push({ ...load, nodeUs, postgresUs });
    return load.perSecond;
  };
  const best = await bound(environment, dataset, options);
  const compared = await compare(options.rounds, conversed, best.measure);
  const half = (await sockets.ask({ ...converse, perSecond: compared.ours / 2 })) as Conversed;
  for (const it of [sockets, best, server, dataset]) await it.stop();
  return [
    ratioRow("realtime-deliver", "messages/s", compared, { atLeast: 0.5 }, { loads }),
    row("realtime-deliver-p99", "ms at half of it", half.p99Ms, "≤ 50", half.p99Ms <= 50, half),
  ];
};

async function bound(environment: BenchEnvironment, { url }: Dataset, { roundMs }: BenchOptions) {
  const generator = environment.owns(startGenerator());
  const memory = environment.owns(startWorker<object, TokenRoute>("ceilings/answer-to-token"));
  const batches = environment.owns(startWorker<WrittenBatches, number>("ceilings/write-batches"));
  const bare = environment.owns(startWorker<object, number>("ceilings/hold-sockets"));
  const sockets = startSockets(environment);
  await sockets.ask({ do: "open", ports: [await bare.ask({})], connections: echoing, atOnce: echoing });
  const { port, path, tokens } = await memory.ask({});
  const requests = tokens.map((token) => emptyPost(`${path}?token=${token}`));
  const durationMs = roundMs / 3;
  const measure = async () => {
    const answered = await runLoad(generator, { port, requests, connections: echoing, durationMs });
    const rows = await batches.ask({ url, what: "messages", durationMs });
    const echo = (await sockets.ask({ do: "echo", connections: echoing, durationMs })) as Conversed;
    return 1 / (1 / answered.perSecond + 1 / rows + 1 / echo.perSecond);
  };
  return {
    measure,
    async stop() {
      for (const it of [generator, memory, batches, bare, sockets]) await it.stop();
    },
  };
}

/** Neighbours have answered each other, so that they may write freely. */
async function acquaint({ pool }: Dataset, people: string[]): Promise<void> {
  await pool.query(
    `insert into message.conversation (user_id, peer_id, answered)
     select user_id, peer_id, true from unnest($1::int8[], $2::int8[]) as p(user_id, peer_id)
     on conflict (user_id, peer_id) do update set answered = true`,
    [people, people.map((_, i) => people[i ^ 1]!)],
  );
}

/** Everybody comes back at once, each some entries behind, while guests read the feed. */
export const realtimeHerd: Bench = async (environment, { roundMs, profileDir }) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const callers = await dataset.callers(server, perProcess);
  const sockets = startSockets(environment);
  const herd = { do: "open", ports: [server.port], connections: perProcess } as const;
  const hellos = callers.map(({ token }) => ({ token }));
  const { positions } = (await sockets.ask({ ...herd, hellos, atOnce })) as Opened;
  await sockets.ask({ do: "close" });
  await addEntries(dataset, [...new Set(callers.map(({ id }) => id))]);

  const watching = environment.owns(startGenerator());
  const feed = {
    ...{ port: server.port, requests: [getRequest(classicFeed().path)] },
    ...{ connections: 64, perSecond: 500 },
  };
  const calm = await runLoad(watching, { ...feed, durationMs: roundMs });
  const returning = sockets.ask({
    ...herd,
    hellos: hellos.map((hello, i) => ({ ...hello, ...positions[i] })),
    behind,
    atOnce: perProcess,
  }) as Promise<Opened>;
  let isBack = false;
  const back = returning.finally(() => {
    isBack = true;
  });
  // It is waited for below; until then a failure would end this process, and leave those that it has started.
  back.catch(() => {});
  const p99s: number[] = [];
  while (!isBack) p99s.push((await runLoad(watching, { ...feed, durationMs: 1_000 })).p99Ms);
  const { tookMs, unrecovered, again } = await back;
  for (const it of [sockets, watching, server, dataset]) await it.stop();
  if (unrecovered > 0) throw new Error(`${unrecovered} could not go on from where they were`);
  const p99Ms = Math.max(...p99s);
  const ratio = p99Ms / calm.p99Ms;
  const name = "realtime-herd-feed";
  return [
    row(
      "realtime-herd",
      `s until ${perProcess} have what they missed`,
      tookMs / 1000,
      "≤ 60",
      tookMs <= 60_000,
      { again },
    ),
    {
      ...{ name, unit: "ms p99 of feed-guest meanwhile", ours: p99Ms, ceiling: calm.p99Ms, ratio },
      ...{ budget: "≤ 3", met: ratio <= 3, detail: { p99s } },
    },
  ] satisfies Row[];
};

/** Messages to each of these people, straight into the tables. */
async function addEntries({ pool }: Dataset, people: string[]): Promise<void> {
  await pool.query("insert into message.person (user_id) select unnest($1::int8[]) on conflict do nothing", [
    people,
  ]);
  await pool.query(
    `with one as (
       select user_id, n, seq + n as seq from message.person join generate_series(1, $2::int) n on true
       where user_id = any ($1::int8[])
     ), added as (
       insert into message.timeline (user_id, seq, kind, at_ms, peer_id, subject_id, actor_id)
       select user_id, seq, 2, (extract(epoch from now()) * 1000)::int8, 1, n, user_id from one
     )
     update message.person set seq = seq + $2::int where user_id = any ($1::int8[])`,
    [people, behind],
  );
}

function startSockets(environment: BenchEnvironment) {
  return environment.owns(startWorker<SocketsJob, Opened | Conversed | undefined>("load/sockets"));
}
