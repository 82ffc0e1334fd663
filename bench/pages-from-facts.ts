import type { Dataset } from "./dataset.ts";
import { type Generator, runLoad } from "./generate.ts";
import type { Load } from "./load/generator.ts";
import { cpuMs, type ServerProcess } from "./server-process.ts";

const connections = 64;

/** The cost of pages that no cache has. */
export interface PageCost {
  perSecond: number;
  /** CPU time of each page, in microseconds. */
  nodeMicros: number;
  postgresMicros: number;
}

/** Sends requests, each for another page, and measures what a page costs the server and its database. */
export async function costOfPages(
  generator: Generator,
  { server, dataset }: { server: ServerProcess; dataset: Dataset },
  load: Pick<Load, "requests" | "once" | "durationMs">,
): Promise<PageCost> {
  const usedMs = () => Promise.all([cpuMs(server.pid), dataset.cpuMs()]);
  const before = await usedMs();
  const { perSecond, succeeded } = await runLoad(generator, { port: server.port, connections, ...load });
  const after = await usedMs();
  const [nodeMicros, postgresMicros] = before.map((ms, i) => ((after[i]! - ms) * 1000) / succeeded);
  return { perSecond, nodeMicros: nodeMicros!, postgresMicros: postgresMicros! };
}

/** Gives these people an inbox as filling would, at once for all: nobody waits for a first read in a benchmark. */
export async function fillInboxes({ pool }: Dataset, userIds: string[]): Promise<void> {
  await pool.query(
    `insert into feed.reader (user_id, stale, pulls_seen)
     select user_id, false, value from unnest($1::int8[]) as u(user_id), feed.pull_clock
     on conflict do nothing`,
    [userIds],
  );
  await pool.query(
    `insert into feed.inbox (user_id, published_ms, video_id, author_id)
     select f.follower_id, v.published_ms, v.video_id, v.author_id
     from relation.follow f join feed.author_video v on v.author_id = f.followee_id
     where f.follower_id = any($1::int8[]) and v.pushed order by 1, 2, 3
     on conflict do nothing`,
    [userIds],
  );
  await pool.query(
    `insert into feed.pull (user_id, author_id)
     select f.follower_id, a.author_id from relation.follow f join feed.author a on a.author_id = f.followee_id
     where f.follower_id = any($1::int8[]) and a.pull_number is not null order by 1, 2
     on conflict do nothing`,
    [userIds],
  );
  await pool.query("vacuum analyze feed.inbox, feed.reader, feed.pull");
}
