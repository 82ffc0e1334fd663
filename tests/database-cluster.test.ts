import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivateCluster, startPrivateCluster } from "#platform/testing/private-cluster.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { freshClip } from "./harness/clips.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("several processes on a primary with a replica", () => {
  let cluster: PrivateCluster;
  let deployment: Deployment;
  const server = scenarioOf(() => deployment);
  /** A second gateway. */
  let elsewhere: string;
  let ada: Person;
  let bob: Person;
  let video: Schemas["Video"];

  beforeAll(async () => {
    cluster = await startPrivateCluster();
    deployment = await deploy("split", {
      databaseUrl: cluster.url,
      env: { DOUYA_DATABASE_REPLICA_URLS: cluster.replica.url },
    });
    elsewhere = await deployment.another("gateway");
    [ada, bob] = [await server.register(), await server.register()];
    video = await ada.settled((await ada.publish(freshClip())).id);
    expect(video.state).toBe("published");
  });
  afterAll(async () => {
    await deployment?.remove();
    await cluster?.remove();
  });

  /** The video on the first page of the feed, as bob sees it through either gateway. */
  async function seen(through = server.origin): Promise<Schemas["Video"] | undefined> {
    const answer = await fetch(`${through}/api/v1/feed?limit=30`, {
      headers: { authorization: `Bearer ${bob.session.accessToken}` },
    });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as Page<Schemas["Video"]>).items.find(({ id }) => id === video.id);
  }
  const readByReplica = async () => {
    const [row] = await queryOnce(
      cluster.replica.url,
      `select coalesce(sum(n_tup_returned), 0)::float8 as n
       from (select pg_stat_get_db_tuples_returned(oid) as n_tup_returned from pg_database where datname = 'douya') d`,
    );
    return row!.n as number;
  };

  async function likesAreSeenAtOnce(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const liked = i % 2 === 0;
      const answer = await bob[liked ? "put" : "delete"](`/videos/${video.id}/like`);
      expect(answer.status).toBe(204);
      for (const through of [server.origin, elsewhere]) {
        const shown = await seen(through);
        expect(shown?.reaction === "like").toBe(liked);
        expect(shown?.counts.likes).toBe(liked ? 1 : 0);
      }
    }
  }

  test("reads are answered by the replica, and whoever has written sees it through each gateway", async () => {
    const before = await readByReplica();
    await likesAreSeenAtOnce(20);
    // Statistics arrive a moment later.
    await expect.poll(readByReplica).toBeGreaterThan(before);
  });

  test("while the replica is behind, nobody sees anything old, and no page made then is kept for later", async () => {
    await cluster.replica.stopReplay();
    await likesAreSeenAtOnce(20);
    expect((await bob.put(`/videos/${video.id}/like`)).status).toBe(204);
    expect((await seen(elsewhere))?.counts.likes).toBe(1);
    await cluster.replica.goOnReplaying();
    expect((await seen())?.counts.likes).toBe(1);
    expect((await bob.delete(`/videos/${video.id}/like`)).status).toBe(204);
    await likesAreSeenAtOnce(10);
  });

  test("the primary is killed under comments and the replica promoted: every acknowledged one is there, once", async () => {
    const acknowledged: string[] = [];
    let stopped = false;
    let number = 0;
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (!stopped) {
          const text = `comment ${number++}`;
          const answer = await bob.post(`/videos/${video.id}/comments`, { json: { text } });
          if (answer.status === 201) acknowledged.push(text);
          else expect([503, 504]).toContain(answer.status);
        }
      }),
    );
    await until("comments are written", async () => acknowledged.length > 20);
    await cluster.primary.kill();
    await cluster.replica.promote();
    const before = acknowledged.length;
    await until("comments are written again", async () => acknowledged.length > before + 20);
    stopped = true;
    await load;
    const found: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path = `/videos/${video.id}/comments?limit=20${cursor && `&cursor=${cursor}`}`;
      const page: Page<Schemas["Comment"]> = body(await server.api("GET", path));
      found.push(...page.items.map(({ text }) => text));
      cursor = page.nextCursor;
    }
    expect(acknowledged.filter((text) => !found.includes(text))).toEqual([]);
    expect(new Set(found).size).toBe(found.length);
    expect((await seen())?.counts.comments).toBe(found.length);
  });
});
