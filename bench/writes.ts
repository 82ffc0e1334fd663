import type { Bench, BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import type { TokenRoute } from "./ceilings/answer-to-token.ts";
import type { WrittenBatches } from "./ceilings/write-batches.ts";
import { emptyPost, pairRequests } from "./client.ts";
import type { Dataset } from "./dataset.ts";
import { type Generator, runLoad, startGenerator } from "./generate.ts";
import type { Pairs } from "./load/generator.ts";
import { compare, type Measure } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { cpuMs } from "./server-process.ts";
import { startWorker } from "./worker.ts";

const connections = 256;
const callerCount = 1000;
const likedVideos = 10_000;
const followedPeople = 10_000;

/** Acknowledged likes over 10,000 videos, against what two cores could do at best (Bed.bound). */
export const likeSpread: Bench = async (environment, options) => {
  const bed = await writeBed(environment, options);
  const videos = await someVideos(bed.dataset);
  const likes = pairRequests("/douyin/favorite/action/", bed.callers, "video_id", videos);
  const compared = await compare(options.rounds, bed.writing(likes), bed.bound("likes"));
  await bed.stop();
  return [ratioRow("like-spread", "likes/s", compared, { atLeast: 0.75 }, bed.detail)];
};

/**
 * Likes of one video at a time, against likes over 10,000. A thousand people can like a video a thousand times; when
 * all have, the next one is the hot one.
 */
export const likeHot: Bench = async (environment, options) => {
  const bed = await writeBed(environment, options);
  const videos = await someVideos(bed.dataset);
  // Different from the pairs of like-spread and feed-user-live in the same run: liking twice is refused.
  const likesOf = (ids: string[]) => pairRequests("/douyin/favorite/action/", bed.callers, "video_id", ids);
  const [hot, spread] = [likesOf(videos.slice(2_000, 5_000)), likesOf(videos.slice(7_000))];
  const compared = await compare(
    options.rounds,
    bed.writing({ ...hot, oneByOne: true }),
    bed.writing(spread),
  );
  await bed.stop();
  return [ratioRow("like-hot", "likes/s", compared, { atLeast: 0.9 }, bed.detail)];
};

/** Acknowledged follows of people without followers, against what two cores could do at best. */
export const follow: Bench = async (environment, options) => {
  const bed = await writeBed(environment, options);
  const { rows } = await bed.dataset.pool.query<{ id: string }>(
    `insert into "user".account (id, username, name_key, name, password_hash)
     select id + 100000000, 'new' || username, 'new' || username, name, password_hash
     from "user".account where username ~ '^user\\d+$' order by id limit $1 returning id`,
    [followedPeople],
  );
  const ids = rows.map((person) => person.id);
  const follows = pairRequests("/douyin/relation/action/", bed.callers, "to_user_id", ids);
  const compared = await compare(options.rounds, bed.writing(follows), bed.bound("follows"));
  await bed.stop();
  return [ratioRow("follow", "follows/s", compared, { atLeast: 0.75 }, bed.detail)];
};

/** Shared by the benchmarks of writing. */
async function writeBed(environment: BenchEnvironment, { roundMs, profileDir }: BenchOptions) {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const generator = environment.owns<Generator>(startGenerator());
  const memory = environment.owns(startWorker<object, TokenRoute>("ceilings/answer-to-token"));
  const batches = environment.owns(startWorker<WrittenBatches, number>("ceilings/write-batches"));
  const route = await memory.ask({});
  const requests = route.tokens.map((token) => emptyPost(`${route.path}?token=${token}`));
  const detail = { connections, loads: [] as object[], bounds: [] as object[] };
  return {
    dataset,
    callers: await dataset.callers(server, callerCount),
    detail,
    /**
     * What two cores could do at best: 1 / (1/a + 1/b), where a is the requests/s of a route with a token that does
     * nothing, on one core, and b the same rows per second, in batches, without HTTP.
     */
    bound: (what: WrittenBatches["what"]): Measure => {
      return async () => {
        const load = { port: route.port, requests, connections, durationMs: roundMs / 2 };
        const { perSecond } = await runLoad(generator, load);
        const rows = await batches.ask({ url: dataset.url, what, durationMs: roundMs / 2 });
        detail.bounds.push({ requestsPerSecond: perSecond, rowsPerSecond: rows });
        return 1 / (1 / perSecond + 1 / rows);
      };
    },
    writing(pairs: Omit<Pairs, "from">): Measure {
      let from = 0;
      return async () => {
        const requests = { ...pairs, from };
        const spentMs = () => Promise.all([cpuMs(server.pid), dataset.cpuMs()]);
        const before = await spentMs();
        const result = await runLoad(generator, {
          port: server.port,
          requests,
          connections,
          durationMs: roundMs,
        });
        from += result.sent;
        const [nodeUs, postgresUs] = (await spentMs()).map(
          (ms, i) => ((ms - before[i]!) * 1000) / result.succeeded,
        );
        // Of each: a busy machine changes it less than the rate.
        detail.loads.push({ ...result, nodeUs, postgresUs });
        return result.perSecond;
      };
    },
    async stop() {
      for (const it of [generator, memory, batches, server, dataset]) await it.stop();
    },
  };
}

export async function someVideos({ pool }: Dataset): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    "select id from video.video where state = 'published' order by hashint8(id) limit $1",
    [likedVideos],
  );
  return rows.map((video) => video.id);
}
