import type { Bench } from "./bench.ts";
import { pairRequests } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { places } from "./places.ts";
import { compare, median } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { someVideos } from "./writes.ts";

const connections = 256;
const callerCount = 1000;
const instances = 4;

/**
 * Likes of one video at a time where four instances of interaction share them, against likes over many videos: whether
 * the likes of one video still meet at one instance and merge there. The unit tells how many transactions a like takes.
 */
export const likeFour: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const dataset = await environment.dataset();
  const place = places(dataset, profileDir);
  const rest = await place("user", "relation", "message", "video");
  const four = await Promise.all(Array.from({ length: instances }, () => place("interaction")));
  const front = await place("feed", "playback", "moderation", "gateway");

  const generator = environment.owns(startGenerator());
  const callers = await dataset.callers(front, callerCount);
  const videos = await someVideos(dataset);
  const likesOf = (ids: string[]) => pairRequests("/douyin/favorite/action/", callers, "video_id", ids);
  const perLike: { hot: number[]; spread: number[] } = { hot: [], spread: [] };
  const liking = (kind: keyof typeof perLike, pairs: ReturnType<typeof likesOf> & { oneByOne?: boolean }) => {
    let from = 0;
    return async () => {
      const since = await newest();
      const load = {
        port: front.port,
        requests: { ...pairs, from },
        connections,
        durationMs: roundMs,
      };
      const { perSecond, sent, succeeded } = await runLoad(generator, load);
      from += sent;
      perLike[kind].push((await transactionsSince(since)) / succeeded);
      return perSecond;
    };
  };
  async function newest(): Promise<string> {
    const { rows } = await dataset.pool.query<{ id: string }>(
      "select coalesce(max(id), 0) as id from interaction.reaction",
    );
    return rows[0]!.id;
  }
  async function transactionsSince(id: string): Promise<number> {
    const { rows } = await dataset.pool.query<{ count: string }>(
      "select count(distinct xmin::text) as count from interaction.reaction where id > $1",
      [id],
    );
    return Number(rows[0]!.count);
  }
  const compared = await compare(
    rounds,
    liking("hot", { ...likesOf(videos.slice(2_000, 5_000)), oneByOne: true }),
    liking("spread", likesOf(videos.slice(7_000))),
  );
  const each = (kind: keyof typeof perLike) => median(perLike[kind].slice(1)).toFixed(2);
  const unit = `likes/s, ${each("hot")} transactions a like, spread ${each("spread")}`;
  for (const it of [generator, front, ...four, rest, dataset]) await it.stop();
  return [ratioRow("like-four", unit, compared, { atLeast: 0.9 }, { perLike })];
};
