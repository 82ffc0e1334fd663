import type { Bench, BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import type { CopiedPlays } from "./ceilings/copy-plays.ts";
import type { HistoryUpserts } from "./ceilings/upsert-history.ts";
import type { Caller } from "./client.ts";
import { type Generator, runLoad, startGenerator } from "./generate.ts";
import { compare, median } from "./rounds.ts";
import { ratioRow, row } from "./scoreboard.ts";
import { cpuMs } from "./server-process.ts";
import { startWorker } from "./worker.ts";
import { someVideos } from "./writes.ts";

const connections = 64;
/** People; each tells of sessions of so many videos at once. */
const viewers = 1_000;
export const perReport = 20;
/** What one of our batches has under load. */
const copiedRows = 4_000;
/** No video of the dataset is shorter. */
const shortestMs = 900;
const pollMs = 20;
const countedMs = 60_000;

/** View entries per second that are stored, against bare COPY of such rows; and when they are in the public count. */
export const plays: Bench = async (environment, options) => {
  const bed = await playBed(environment, options);
  const copies = environment.owns(startWorker<CopiedPlays, number>("ceilings/copy-plays"));
  const detail = { connections, perReport, loads: [] as object[] };
  const told = async () => {
    const { result, ...spent } = await bed.tell({});
    detail.loads.push({ ...result, ...spent });
    await bed.counted();
    return result.perSecond * perReport;
  };
  const { roundMs } = options;
  const compared = await compare(options.rounds, told, () =>
    copies.ask({ url: bed.url, durationMs: roundMs / 2, rows: copiedRows }),
  );
  // At half of that: how long it takes from the last answer until all are counted.
  const perSecond = Math.max(1, Math.floor(compared.ours / perReport / 2));
  const lagsMs: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    await bed.tell({ perSecond });
    const sinceMs = performance.now();
    await bed.counted();
    lagsMs.push(performance.now() - sinceMs);
  }
  const lagMs = median(lagsMs);
  await copies.stop();
  await bed.stop();
  return [
    ratioRow("beacons", "entries/s", compared, { atLeast: 0.5 }, detail),
    row("beacons-rate", "entries/s", compared.ours, "≥ 50,000", compared.ours >= 50_000, {}),
    row("view-lag", `ms at ${perSecond * perReport} entries/s`, lagMs, "≤ 5 s", lagMs <= 5_000, { lagsMs }),
  ];
};

/** Positions per second that get into histories, against bare upserts into such a table. */
export const history: Bench = async (environment, options) => {
  const bed = await playBed(environment, options);
  const upserts = environment.owns(startWorker<HistoryUpserts, number>("ceilings/upsert-history"));
  const stored = async () => {
    const sinceMs = performance.now();
    const { result } = await bed.tell({});
    await bed.counted();
    return ((result.succeeded * perReport) / (performance.now() - sinceMs)) * 1000;
  };
  const { userIds, videoIds } = bed;
  const compared = await compare(options.rounds, stored, () =>
    upserts.ask({ url: bed.url, userIds, videoIds, durationMs: options.roundMs }),
  );
  await upserts.stop();
  await bed.stop();
  return [ratioRow("history", "positions/s", compared, { atLeast: 0.6 }, {})];
};

async function playBed(environment: BenchEnvironment, { roundMs, profileDir }: BenchOptions) {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const generator = environment.owns<Generator>(startGenerator());
  const callers = await dataset.callers(server, viewers);
  const videos = await someVideos(dataset);
  const reports = await watching(server.port, callers, videos);

  return {
    url: dataset.url,
    userIds: callers.map(({ id }) => id),
    videoIds: videos,
    async tell({ perSecond }: { perSecond?: number }) {
      const spentMs = () => Promise.all([cpuMs(server.pid), dataset.cpuMs()]);
      const before = await spentMs();
      const load = { port: server.port, requests: reports(), connections, durationMs: roundMs };
      const result = await runLoad(generator, { ...load, ...(perSecond && { perSecond }) });
      const [nodeUs, postgresUs] = (await spentMs()).map(
        (ms, i) => ((ms - before[i]!) * 1000) / (result.succeeded * perReport),
      );
      return { result, nodeUs, postgresUs };
    },
    /** Until everything that was told is counted and in the histories. */
    async counted(): Promise<void> {
      const untilMs = performance.now() + countedMs;
      for (;;) {
        const { rows } = await dataset.pool.query<{ left: boolean }>(`
          select exists (
            select from playback.lane l cross join playback.part p
            left join playback.lane_offset o on o.reader = p.reader and o.part = p.part and o.lane = l.lane
            where l.seq > coalesce(o.seq, 0)
          ) as left`);
        if (!rows[0]!.left) return;
        if (performance.now() > untilMs) throw new Error("what was told was not counted within a minute");
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },
    async stop() {
      for (const it of [generator, server, dataset]) await it.stop();
    },
  };
}

/**
 * Each of the callers begins to watch as many videos as one report is of. Returns what makes their reports, which say that
 * they have watched as long as there was time.
 */
export async function watching(port: number, callers: Caller[], videos: string[]): Promise<() => string[]> {
  const sessions = await Promise.all(
    callers.map((caller, i) => begin(port, caller, spread(videos, i * perReport))),
  );
  const beganMs = Date.now();
  return () => {
    const watchedMs = Date.now() - beganMs;
    return sessions.map((of, i) => {
      const entries = of.map((token) => ({
        ...{ token, at: Date.now(), watchedMs, positionMs: watchedMs % shortestMs, from: "feed" },
      }));
      return post("/api/v1/playback/beacons", callers[i]!, JSON.stringify({ entries }));
    });
  };
}

/** So many different ones, from a place on. */
function spread(videos: string[], from: number): string[] {
  return Array.from({ length: perReport }, (_, i) => videos[(from + i) % videos.length]!);
}

async function begin(port: number, caller: Caller, videoIds: string[]): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/playback/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${caller.token}` },
    body: JSON.stringify({ videoIds }),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const { sessions } = (await response.json()) as { sessions: { token: string }[] };
  if (sessions.length !== videoIds.length)
    throw new Error(`${sessions.length} of ${videoIds.length} sessions`);
  return sessions.map(({ token }) => token);
}

function post(path: string, caller: Caller, body: string): string {
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    `authorization: Bearer ${caller.token}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
