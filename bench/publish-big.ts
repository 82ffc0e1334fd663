import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import { type Caller, clipOf, follow, followingFeed, publishClip, register } from "./client.ts";
import { addFollowers } from "./fan-out.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

const [many, few] = [1_000_000, 10];
const [afterMany, afterFew] = ["2000000000000000", "3000000000000000"];
/** One comparison takes a second, and the pipeline's part varies. */
const videosPerRound = 3;
const shownMs = 60_000;
const pollMs = 5;

/** From publishing to a follower's feed, for an author with a million followers and for one with ten. */
export const publishBig: Bench = async (environment, { rounds, profileDir }) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const { port } = server;
  const enter = (name: string) => register(port, `${name}-${Date.now()}`);
  const [big, small, reader] = await Promise.all([enter("big"), enter("small"), enter("reader")]);
  await addFollowers(dataset, big.id, many, afterMany);
  await addFollowers(dataset, small.id, few, afterFew);
  for (const { id } of [big, small]) await follow(port, reader, id);
  const clip = await clipOf();
  let published = 0;
  await followingFeed(port, reader);
  const publishing = (author: Caller) => async () => {
    const startedMs = performance.now();
    for (let i = 0; i < videosPerRound; i++) {
      const title = `Video ${++published}`;
      await publishClip(port, author, clip, title);
      const untilMs = performance.now() + shownMs;
      while ((await followingFeed(port, reader))[0]?.title !== title) {
        if (performance.now() > untilMs) throw new Error(`not shown after ${shownMs} ms`);
        await delay(pollMs);
      }
    }
    return (performance.now() - startedMs) / videosPerRound;
  };
  const compared = await compare(rounds, publishing(big), publishing(small));
  for (const it of [server, dataset]) await it.stop();
  return [ratioRow("publish-big", "ms", compared, { atMost: 1.2 })];
};
