import { expect, test } from "vitest";
import { withEtcd } from "../../testing/private-etcd.ts";
import { claimPrefix, isTooOld } from "./claim-prefix.ts";
import { connectEtcd, type EtcdClient } from "./etcd-client.ts";

const etcdServer = withEtcd();
async function onEtcd<Result>(work: (etcd: EtcdClient) => Promise<Result>): Promise<Result> {
  const etcd = connectEtcd(etcdServer().url);
  return work(etcd).finally(etcd.close);
}

test("a prefix is one installation's, however many of its processes start at once", () =>
  onEtcd(async (etcd) => {
    await Promise.all(["one", "one", "one"].map((id) => claimPrefix(etcd, "/a/", id)));
    await expect(claimPrefix(etcd, "/a/", "two")).rejects.toMatchObject({ reason: "ETCD_PREFIX_TAKEN" });
    await claimPrefix(etcd, "/a/", "one");
    await claimPrefix(etcd, "/b/", "two");
  }));

test("of two installations that start at once, one gets the prefix", () =>
  onEtcd(async (etcd) => {
    const claims = await Promise.allSettled(["three", "four"].map((id) => claimPrefix(etcd, "/c/", id)));
    expect(claims.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  }));

test.each([
  ["2.3.8", true],
  ["3.3.27", true],
  ["3.4.23", false],
  ["3.6.0", false],
  ["4.0.0-rc.1", false],
])("whether etcd %s is too old: %s", (version, expected) => {
  expect(isTooOld(version)).toBe(expected);
});
