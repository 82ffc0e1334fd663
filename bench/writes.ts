import type { Bench, BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import type { SingleInserts } from "./ceilings/insert-rows.ts";
import { pairRequests } from "./client.ts";
import type { Dataset } from "./dataset.ts";
import { type Generator, runLoad, startGenerator } from "./generate.ts";
import type { Pairs } from "./load/generator.ts";
import { compare, type Measure } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { startWorker } from "./worker.ts";

const connections = 256;
const callerCount = 1000;
const likedVideos = 10_000;
const followedPeople = 10_000;

/** Acknowledged likes over 10,000 videos, against single-row inserts. */
export const likeSpread: Bench = async (environment, options) => {
  const bed = await writeBed(environment, options);
  const videos = await someVideos(bed.dataset);
  const likes = pairRequests("/douyin/favorite/action/", bed.callers, "video_id", videos);
  const compared = await compare(options.rounds, bed.writing(likes), bed.inserting);
  await bed.stop();
  return [ratioRow("like-spread", "likes/s", compared, { atLeast: 2 }, { connections, loads: bed.loads })];
};

/**
 * Likes of one video at a time, against likes over 10,000. A thousand people can like a video a thousand times;
 * when all have, the next one is the hot one.
 */
export const likeHot: Bench = async (environment, options) => {
  const bed = await writeBed(environment, options);
  const videos = await someVideos(bed.dataset);
  const [hot, spread] = [videos.slice(0, likedVideos / 2), videos.slice(likedVideos / 2)].map((ids) =>
    pairRequests("/douyin/favorite/action/", bed.callers, "video_id", ids),
  );
  const compared = await compare(
    options.rounds,
    bed.writing({ ...hot!, oneByOne: true }),
    bed.writing(spread!),
  );
  await bed.stop();
  return [ratioRow("like-hot", "likes/s", compared, { atLeast: 0.8 }, { connections, loads: bed.loads })];
};

/** Acknowledged follows of people whom nobody follows yet, against single-row inserts. */
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
  const compared = await compare(options.rounds, bed.writing(follows), bed.inserting);
  await bed.stop();
  return [ratioRow("follow", "follows/s", compared, { atLeast: 1.5 }, { connections, loads: bed.loads })];
};

/** What the benchmarks of writing share. */
async function writeBed(environment: BenchEnvironment, { roundMs, profileDir }: BenchOptions) {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const generator = environment.owns<Generator>(startGenerator());
  const inserts = environment.owns(startWorker<SingleInserts, number>("ceilings/insert-rows"));
  const loads: object[] = [];
  return {
    dataset,
    callers: await dataset.callers(server, callerCount),
    /** Of every load so far. */
    loads,
    inserting: () => inserts.ask({ url: dataset.url, callers: connections, durationMs: roundMs }),
    writing(pairs: Omit<Pairs, "from">): Measure {
      let from = 0;
      return async () => {
        const requests = { ...pairs, from };
        const result = await runLoad(generator, {
          port: server.port,
          requests,
          connections,
          durationMs: roundMs,
        });
        from += result.sent;
        loads.push(result);
        return result.perSecond;
      };
    },
    async stop() {
      for (const it of [generator, inserts, server, dataset]) await it.stop();
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
