import { afterAll, beforeAll, expect, test } from "vitest";
import { type PrivateCluster, startPrivateCluster } from "#platform/testing/private-cluster.ts";
import { queryOnce } from "#platform/testing/query-once.ts";

let cluster: PrivateCluster;
beforeAll(async () => {
  cluster = await startPrivateCluster();
});
afterAll(() => cluster.remove());

test("a replica made of a running primary has all of it, follows it, is promoted, and gets the old one to follow", async () => {
  const { primary, replica } = cluster;
  await queryOnce(primary.url, "create table t as select generate_series(1, 1000) as n");
  const count = async (url: string) => (await queryOnce(url, "select count(*)::int as n from t"))[0]!.n;
  // Synchronous: on its disk, and replayed in a moment.
  await expect.poll(() => count(replica.url).catch(() => "not yet")).toBe(1000);
  await replica.stopReplay();
  await queryOnce(primary.url, "insert into t values (1001)");
  expect(await count(replica.url)).toBe(1000);
  await replica.goOnReplaying();
  await expect.poll(() => count(replica.url)).toBe(1001);
  await primary.kill();
  await replica.promote();
  await queryOnce(replica.url, "insert into t values (1002)");
  await primary.follow(replica);
  await expect.poll(() => count(primary.url).catch(() => "not yet")).toBe(1002);
  await expect(queryOnce(primary.url, "insert into t values (1)")).rejects.toMatchObject({ code: "25006" });
});
