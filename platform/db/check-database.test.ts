import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { type PrivateCluster, startPrivateCluster } from "#platform/testing/private-cluster.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { checkDatabase } from "./check-database.ts";

let cluster: PrivateCluster;
beforeAll(async () => {
  cluster = await startPrivateCluster();
  await queryOnce(cluster.primary.url, "create role plain login password 'plain'");
});
afterAll(() => cluster?.remove());
const said = (url: string, replicas: string[] = []) =>
  checkDatabase(url, replicas).catch((error: Error) => error.message);

test("it tells the version, the roles and how fast each answers, to an ordinary role too", async () => {
  const { primary, replica } = cluster;
  expect(await said(primary.url)).toMatch(/^PostgreSQL 18\.\d+ at 127\.0\.0\.1:\d+, answers in \d+ ms$/);
  const plain = (url: string) => url.replace(/\/\/[^@]*@/, "//plain:plain@");
  // The role is there in a moment.
  await expect
    .poll(() => said(plain(cluster.url), [plain(replica.url)]))
    .toMatch(/\(primary\), answers in \d+ ms; .*\(replica, \d+ ms behind\)/);
});

test("it says what to mend", async () => {
  const { primary, replica } = cluster;
  expect(await said(replica.url)).toContain("none of them is a primary");
  expect(await said(primary.url.replace(/\/\/[^@]*@/, "//douya:wrong@"))).toContain(
    "correct user and password",
  );
  expect(await said(primary.url.replace(/\/douya$/, "/nothing"))).toContain("create it, or correct the name");
  const [port] = await freePorts(1);
  expect(await said(`postgres://a:b@127.0.0.1:${port}/c`)).toContain("nothing listens there");
  await queryOnce(primary.url, "alter database douya set synchronous_commit = off");
  await queryOnce(primary.url, "alter system set synchronous_standby_names = ''");
  await queryOnce(primary.url, "select pg_reload_conf()");
  await expect
    .poll(() => said(cluster.url))
    .toMatch(/synchronous_commit is off.*synchronous_standby_names is empty/s);
  await replica.promote();
  await expect.poll(() => said(cluster.url)).toContain("both take writes");
});
