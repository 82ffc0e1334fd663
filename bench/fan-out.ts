import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import type { InboxInserts } from "./ceilings/insert-inboxes.ts";
import { clipOf, publishClip, register } from "./client.ts";
import type { Dataset } from "./dataset.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { startWorker } from "./worker.ts";

const followers = 100_000;
const deliveryMs = 60_000;
const pollMs = 2;
/** An unused id; followers have the ids after it. */
const base = "1000000000000000";

/** Inbox rows per second while a video goes to 100,000 followers, against bare inserts into the same table. */
export const fanOut: Bench = async (environment, { rounds, profileDir }) => {
  const dataset = await environment.dataset();
  const env = { DOUYA_FEED_PULL_FOLLOWERS: String(10 * followers) };
  const server = await dataset.serve({ env, profileDir });
  const inserts = environment.owns(startWorker<InboxInserts, number>("ceilings/insert-inboxes"));
  const author = await register(server.port, `fan-out-${Date.now()}`);
  await addFollowers(dataset, author.id, followers, base);
  // Each has an inbox that is not empty.
  await dataset.pool.query(
    `insert into feed.reader (user_id, stale) select $1::int8 + n, false from generate_series(1, $2) n
     on conflict (user_id) do nothing`,
    [base, followers],
  );
  const clip = await clipOf();
  let published = 0;
  const delivered = async () => {
    await publishClip(server.port, author, clip, `Video ${++published}`);
    const began = await poll(
      dataset,
      "select video_id from feed.author_video where author_id = $1",
      [author.id],
      published,
    );
    // The newest followers come first, so the page of the oldest follow is the last.
    await poll(
      dataset,
      `select 1 from feed.inbox where author_id = $1 and user_id = $2::int8 + 1
         and not exists (select from feed.delivery where author_id = $1)`,
      [author.id, base],
      published,
    );
    const tookMs = performance.now() - began;
    const { rows } = await dataset.pool.query(
      "select count(*)::int8 as n from feed.inbox where author_id = $1",
      [author.id],
    );
    if (Number(rows[0].n) !== published * followers)
      throw new Error(`${rows[0].n} entries after ${published} videos`);
    return (followers / tookMs) * 1000;
  };
  const bare = () => inserts.ask({ url: dataset.url, base, rows: followers });
  const compared = await compare(rounds, delivered, bare);
  for (const it of [inserts, server, dataset]) await it.stop();
  return [ratioRow("fan-out", "rows/s", compared, { atLeast: 0.8 })];
};

/** Generated followers, straight into the tables. */
export async function addFollowers(
  dataset: Dataset,
  authorId: string,
  count: number,
  after: string,
): Promise<void> {
  await dataset.pool.query(
    `insert into relation.follow (follower_id, followee_id, id)
     select $1::int8 + n, $2::int8, $2::int8 + n from generate_series(1, $3::int) n`,
    [after, authorId, count],
  );
  await dataset.pool.query(
    `insert into relation.stats as s (user_id, followers) values ($1, $2)
     on conflict (user_id) do update set followers = s.followers + excluded.followers`,
    [authorId, count],
  );
}

/** Polls until there are this many rows; returns the time. */
async function poll({ pool }: Dataset, query: string, values: string[], rows: number): Promise<number> {
  const untilMs = performance.now() + deliveryMs;
  while ((await pool.query(query, values)).rows.length < rows) {
    if (performance.now() > untilMs) throw new Error(`not delivered after ${deliveryMs} ms`);
    await delay(pollMs);
  }
  return performance.now();
}
