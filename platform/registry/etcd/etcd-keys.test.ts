import { afterEach, describe, expect, test } from "vitest";
import { createLog } from "../../observe/log.ts";
import { issuerKey, issuerKeysContract } from "../../testing/issuer-keys-contract.ts";
import { withEtcd } from "../../testing/private-etcd.ts";
import { connectEtcd } from "./etcd-client.ts";
import { etcdKeys } from "./etcd-keys.ts";
import { KV } from "./gen/etcd_pb.ts";
import { bytesOf, rangeOf } from "./keys.ts";

const etcdServer = withEtcd({ emptied: true });
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function open(secret = "s".repeat(32)) {
  const etcd = connectEtcd(etcdServer().url);
  const warnings: string[] = [];
  const log = createLog("warn", { write: (line) => warnings.push(line) });
  const keys = etcdKeys(etcd, { prefix: "/douya/", secret, log });
  undo.push(etcd.close, keys.stop);
  await keys.ready;
  return { keys, etcd, warnings, kids: () => [...keys.known("user")].map(({ kid }) => kid[0]).sort() };
}

describe("keys in etcd", () =>
  issuerKeysContract(async () => ({ service: (await open()).keys, verifier: (await open()).keys })));

test("a verifier that starts later knows them", async () => {
  await (await open()).keys.publish("user", [issuerKey("a")]);
  expect((await open()).kids()).toEqual(["a"]);
});

test("etcd that was wiped takes no key from anybody, and gets them again", async () => {
  const [service, verifier] = [await open(), await open()];
  await service.keys.publish("user", [issuerKey("a")]);
  await expect.poll(verifier.kids).toEqual(["a"]);
  await service.etcd.call(KV.method.deleteRange, rangeOf("/douya/"));
  await service.keys.publish("user", [issuerKey("a"), issuerKey("b")]);
  await expect.poll(verifier.kids).toEqual(["a", "b"]);
  await expect
    .poll(async () => {
      await service.keys.publish("user", [issuerKey("a"), issuerKey("b")]);
      return (await open()).kids();
    })
    .toEqual(["a", "b"]);
});

test.each(["SIGKILL", "SIGSTOP"] as const)("etcd that gets %s takes no key from anybody", async (signal) => {
  const [service, verifier] = [await open(), await open()];
  await service.keys.publish("user", [issuerKey("a")]);
  await expect.poll(verifier.kids).toEqual(["a"]);
  if (signal === "SIGKILL") await etcdServer().kill();
  else etcdServer().signal(signal);
  const published = service.keys.publish("user", [issuerKey("a"), issuerKey("b")]);
  await expect(published).rejects.toMatchObject({
    reason: "ETCD_UNAVAILABLE",
    message: expect.not.stringMatching(/No connection established|null/),
  });
  expect(verifier.kids()).toEqual(["a"]);
  if (signal === "SIGKILL") await etcdServer().restart();
  else etcdServer().signal("SIGCONT");
  await expect
    .poll(() =>
      service.keys.publish("user", [issuerKey("a"), issuerKey("b")]).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await expect.poll(verifier.kids).toEqual(["a", "b"]);
});

test("whoever can write in etcd cannot make up a key, change one, or end the process", async () => {
  const [service, stranger, verifier] = [await open(), await open("t".repeat(32)), await open()];
  await stranger.keys.publish("user", [issuerKey("c")]);
  await service.keys.publish("user", [issuerKey("a")]);
  await expect.poll(verifier.kids).toEqual(["a"]);
  const { kvs } = await stranger.etcd.call(KV.method.range, rangeOf("/douya/keys/user/a"));
  const { mac } = JSON.parse(Buffer.from(kvs[0]!.value).toString());
  const put = (name: string, value: string | Uint8Array) =>
    stranger.etcd.call(KV.method.put, {
      key: bytesOf(`/douya/keys/${name}`),
      value: typeof value === "string" ? bytesOf(value) : value,
    });
  await put(`user/${"d".repeat(43)}`, JSON.stringify({ jwk: issuerKey("d"), mac }));
  await put(`user/${"e".repeat(43)}`, kvs[0]!.value);
  await put("video/".concat("a".repeat(43)), kvs[0]!.value);
  for (const [i, value] of ["", "{", "null", "[1]", '{"jwk":null,"mac":1}', "x".repeat(500_000)].entries())
    await put(`user/${i}`, value);
  await put("user", "{}");
  await put("user/bytes", new Uint8Array([0xff, 0, 0xfe]));
  await put(`user/${"a".repeat(43)}`, JSON.stringify({ jwk: issuerKey("a", { exp: 9e9 }), mac }));
  await service.keys.publish("user", [issuerKey("b")]);
  await expect.poll(verifier.kids).toEqual(["a", "b"]);
  expect([...verifier.keys.known("user")][0]!.exp).toBe(issuerKey("a").exp);
  expect([...verifier.keys.known("video")]).toEqual([]);
  await expect.poll(() => verifier.warnings.join("")).toContain("d".repeat(43));
});
