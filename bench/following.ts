import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { getRequest } from "./client.ts";
import { type Dataset, openDataset } from "./dataset.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

const size = { users: 10_000, follows: 2_200_000, videos: 10_000 };
const connections = 64;
const callerCount = 1000;
/** Authors in the system who are pulled from: a tenth of the people, so 20 of those somebody follows, and strangers. */
const pulledPeople = 1_000;
const pulledStrangers = 2_000;
const pagesPerCaller = 200;

/**
 * The time that a page of the following feed takes, none of them cached, while many authors are pulled from, against a
 * dataset in which nobody is.
 */
export const following: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const generator = environment.owns(startGenerator());
  const settle = async (dataset: Dataset) => {
    const server = await dataset.serve({ profileDir });
    const callers = await dataset.callers(server, callerCount);
    let asked = 0;
    const micros = async (): Promise<number> => {
      // A position after every video, each time another one: the newest page, which no cache has.
      const positions = Array.from({ length: pagesPerCaller }, () => `${9e14 + asked++}-9223372036854775807`);
      const requests = positions.flatMap((position) =>
        callers.map(({ token }) =>
          getRequest(`/api/v1/feed/following?limit=10&cursor=${position}`, {
            authorization: `Bearer ${token}`,
            "douya-urls": "paths",
          }),
        ),
      );
      const load = { port: server.port, requests, connections, durationMs: roundMs };
      return 1e6 / (await runLoad(generator, load)).perSecond;
    };
    // Inboxes are filled before it counts.
    await micros();
    return { server, micros };
  };
  const pulledDataset = await openDataset(
    environment.owns,
    join(environment.dataDir, "pulled-dataset"),
    size,
  );
  await pullFrom(pulledDataset);
  const deliveredDataset = await openDataset(
    environment.owns,
    join(environment.dataDir, "delivered-dataset"),
    size,
  );
  const [pulled, delivered] = [await settle(pulledDataset), await settle(deliveredDataset)];
  const compared = await compare(rounds, pulled.micros, delivered.micros);
  for (const it of [generator, pulled.server, delivered.server, pulledDataset, deliveredDataset])
    await it.stop();
  return [ratioRow("following", "µs a page", compared, { atMost: 1.3 })];
};

/** Before the first inbox is filled. */
async function pullFrom({ pool }: Dataset): Promise<void> {
  await pool.query("update feed.author_video set pushed = false where author_id % $1 = 0", [
    size.users / pulledPeople,
  ]);
  await pool.query(
    `insert into feed.author_video (author_id, published_ms, video_id, pushed)
     select 9000000000000000000 + n, n, 9000000000000000000 + n, false from generate_series(1, $1::int) n`,
    [pulledStrangers],
  );
  await pool.query(
    `insert into feed.author (author_id, large, pull_number)
     select distinct author_id, true, 2 from feed.author_video where not pushed`,
  );
  await pool.query("update feed.pull_clock set value = 2");
}
