import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createLog } from "../../observe/log.ts";
import { withEtcd } from "../../testing/private-etcd.ts";
import { registryContract } from "../../testing/registry-contract.ts";
import { connectEtcd, type EtcdClient } from "./etcd-client.ts";
import { type EtcdRegistry, etcdRegistry, type Instance } from "./etcd-registry.ts";
import { KV, Lease } from "./gen/etcd_pb.ts";
import { bytesOf, rangeOf, textOf } from "./keys.ts";

const secret = "s".repeat(32);
const warnings: string[] = [];
const log = createLog("warn", { write: (line) => warnings.push(line) });
const etcdServer = withEtcd({ emptied: true });
const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  warnings.splice(0);
});

function open(given: { secret?: string; unsigned?: boolean } = {}): {
  registry: EtcdRegistry;
  etcd: EtcdClient;
} {
  const etcd = connectEtcd(etcdServer().url);
  const registry = etcdRegistry(etcd, { prefix: "/douya/", secret, log, ...given });
  undo.push(etcd.close, registry.stop);
  return { registry, etcd };
}

let last = 0;
function instance(modules: string[], address: string): Instance {
  return { id: `instance-${++last}`, modules, address, startedMs: Date.now(), secretPrint: "one" };
}

function register(registry: EtcdRegistry, modules: string[], address: string): () => Promise<void> {
  const leave = registry.register(instance(modules, address));
  undo.push(() => leave().catch(() => {}));
  return leave;
}

const seenBy = (registry: EtcdRegistry, module: string) =>
  registry
    .endpoints(module)
    .current()
    .map(({ address }) => address)
    .sort();

describe("the registry on etcd", () =>
  registryContract(async (places) => {
    const { registry } = open();
    for (const [module, addresses] of Object.entries(places))
      for (const address of addresses) register(open().registry, [module], address);
    return registry;
  }));

test("instances come and go, and whoever watches is told", async () => {
  const { registry } = open();
  await registry.ready;
  const seen: string[][] = [];
  undo.push(registry.endpoints("user").watch(() => seen.push(seenBy(registry, "user"))));
  const leaveOne = register(open().registry, ["user", "relation"], "10.0.0.1:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
  await expect.poll(() => seenBy(registry, "relation")).toEqual(["10.0.0.1:1"]);
  register(open().registry, ["user"], "10.0.0.2:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1", "10.0.0.2:1"]);
  await leaveOne();
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.2:1"]);
  expect(seenBy(registry, "relation")).toEqual([]);
  expect(seen).toEqual([["10.0.0.1:1"], ["10.0.0.1:1", "10.0.0.2:1"], ["10.0.0.2:1"]]);
});

test("an instance that dies is gone with its lease", async () => {
  const { registry } = open();
  const dying = open();
  register(dying.registry, ["user"], "10.0.0.1:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
  // It answers nothing any more and says no goodbye.
  dying.etcd.close();
  await expect.poll(() => seenBy(registry, "user")).toEqual([]);
});

test("an instance whose lease was taken away announces itself again", async () => {
  const { registry, etcd } = open();
  register(open().registry, ["user"], "10.0.0.1:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
  const { kvs } = await etcd.call(KV.method.range, rangeOf("/douya/services/user/"));
  // It may be away for a moment only.
  const seen: string[][] = [];
  undo.push(registry.endpoints("user").watch(() => seen.push(seenBy(registry, "user"))));
  await etcd.call(Lease.method.leaseRevoke, { id: kvs[0]!.lease });
  await expect.poll(() => seen).toEqual([[], ["10.0.0.1:1"]]);
});

test.each([
  ["is killed and comes back", () => etcdServer().kill(), () => etcdServer().restart()],
  [
    "is silent for longer than a lease lasts",
    () => etcdServer().signal("SIGSTOP"),
    () => etcdServer().signal("SIGCONT"),
  ],
])("while etcd %s the last known ones stay, and what happened meanwhile is learnt", async (_what, away, back) => {
  const { registry } = open();
  register(open().registry, ["user"], "10.0.0.1:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
  await away();
  const until = performance.now() + 7_000;
  while (performance.now() < until) {
    expect(seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await back();
  register(open().registry, ["user"], "10.0.0.2:1");
  await expect.poll(() => seenBy(registry, "user")).toContain("10.0.0.2:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1", "10.0.0.2:1"]);
});

/** A line to etcd that can be cut. */
async function openLine() {
  const sockets = new Set<Socket>();
  let isCut = false;
  const line = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(Number(new URL(etcdServer().url).port), "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
    return undefined;
  });
  line.listen(0, "127.0.0.1");
  await once(line, "listening");
  const cut = (now: boolean) => {
    isCut = now;
    if (now) for (const socket of sockets) socket.destroy();
  };
  undo.push(() => {
    cut(true);
    line.close();
  });
  return { url: `http://127.0.0.1:${(line.address() as AddressInfo).port}`, cut };
}

test.each([
  false,
  true,
])("a watch whose line was cut goes on where it was, also when that is forgotten: %s", async (isForgotten) => {
  const line = await openLine();
  const etcd = connectEtcd(etcdServer().url);
  const far = connectEtcd(line.url);
  const registry = etcdRegistry(far, { prefix: "/douya/", secret, unsigned: true, log });
  undo.push(etcd.close, far.close, registry.stop);
  const put = (name: string) =>
    etcd.call(KV.method.put, {
      key: bytesOf(`/douya/services/user/${name}`),
      value: bytesOf(`{"address":"${name}:1"}`),
    });
  await put("before");
  await put("ended");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["before:1", "ended:1"]);
  line.cut(true);
  await etcd.call(KV.method.deleteRange, { key: bytesOf("/douya/services/user/ended") });
  const { header } = await put("meanwhile");
  if (isForgotten) await etcd.call(KV.method.compact, { revision: header!.revision });
  expect(seenBy(registry, "user")).toEqual(["before:1", "ended:1"]);
  line.cut(false);
  await expect.poll(() => seenBy(registry, "user")).toEqual(["before:1", "meanwhile:1"]);
  await put("after");
  await expect.poll(() => seenBy(registry, "user")).toContain("after:1");
});

test.each([
  "",
  "not json",
  "null",
  "7",
  "{}",
  '{"address":7}',
  '{"address":"no port"}',
  '{"address":"/etc:1"}',
])("what is no instance is passed over: %j", async (value) => {
  const { registry, etcd } = open();
  await etcd.call(KV.method.put, { key: bytesOf("/douya/services/user/bad"), value: bytesOf(value) });
  register(open().registry, ["user"], "10.0.0.1:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
});

test.each(["fd00::5:9090", "no port"])("a process at %s is named, once, and not called", async (address) => {
  const registries = [open().registry, open().registry, open().registry] as const;
  register(registries[1], ["user"], address);
  await expect.poll(() => warnings.join()).toContain(address);
  register(registries[2], ["user"], "10.0.0.1:1");
  for (const registry of registries)
    await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
  // By each of the three.
  expect(warnings.filter((line) => line.includes("DOUYA_RPC_ADDRESS"))).toHaveLength(3);
});

describe("whoever can write to etcd and has not the secret", () => {
  const forgeries: Record<string, (real: Record<string, unknown>) => object> = {
    "without a signature": ({ signature: _, ...rest }) => ({ ...rest, address: "10.6.6.6:1" }),
    "with another's signature": (real) => ({ ...real, address: "10.6.6.6:1" }),
    "with another colour": (real) => ({ ...real, address: "10.0.0.1:1", colour: "canary" }),
    "under another name": (real) => real,
    "with a signature that is none": (real) => ({ ...real, address: "10.6.6.6:1", signature: 7 }),
  };
  test.each(
    Object.entries(forgeries),
  )("gets no calls by an announcement %s, which is named", async (_what, forge) => {
    const { registry, etcd } = open({ unsigned: false });
    register(open().registry, ["user"], "10.0.0.1:1");
    await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
    const { kvs } = await etcd.call(KV.method.range, rangeOf("/douya/services/user/"));
    const value = bytesOf(JSON.stringify(forge(JSON.parse(textOf(kvs[0]!.value)))));
    for (const module of ["user", "video"])
      await etcd.call(KV.method.put, { key: bytesOf(`/douya/services/${module}/forged`), value });
    await expect.poll(() => warnings.filter((line) => line.includes("video/forged"))).not.toEqual([]);
    expect(registry.endpoints("user").current()).toEqual([{ address: "10.0.0.1:1", colour: undefined }]);
    expect(seenBy(registry, "video")).toEqual([]);
  });

  test("keeps none of ours from starting by a print of another secret, once one of ours is there", async () => {
    const { registry, etcd } = open();
    const value = bytesOf('{"address":"10.6.6.6:1","secretPrint":"forged"}');
    await etcd.call(KV.method.put, { key: bytesOf("/douya/services/user/forged"), value });
    await expect.poll(() => registry.otherSecret("one")).toBe("10.6.6.6:1");
    register(open().registry, ["video"], "10.0.0.1:1");
    await expect.poll(() => registry.otherSecret("one")).toBeUndefined();
  });

  test("fills nobody's log", async () => {
    const { registry, etcd } = open();
    const success = Array.from({ length: 120 }, (_, i) => ({
      request: {
        case: "requestPut" as const,
        value: {
          key: bytesOf(`/douya/services/user/${i}`),
          value: bytesOf(`{"address":"10.6.6.6:${i + 1}"}`),
        },
      },
    }));
    await etcd.call(KV.method.txn, { success });
    register(open().registry, ["user"], "10.0.0.1:1");
    await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
    // By each of the two registries.
    expect(warnings.filter((line) => line.includes("not signed")).length).toBeLessThanOrEqual(200);
  });

  test("neither while announcements of an earlier version are believed, unless they have none", async () => {
    const { registry, etcd } = open({ unsigned: true });
    register(open({ secret: "t".repeat(32) }).registry, ["user"], "10.6.6.6:1");
    await expect.poll(() => warnings.join()).toContain("another secret");
    const value = bytesOf('{"address":"10.0.0.1:1"}');
    await etcd.call(KV.method.put, { key: bytesOf("/douya/services/user/old"), value });
    await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
  });
});

test.each([
  "",
  "127.0.0.1:2379",
  "ftp://host",
  "http://",
  "http://a:1,nonsense",
])("%j is no address of etcd", (urls) => {
  expect(() => connectEtcd(urls)).toThrow(expect.objectContaining({ reason: "ETCD_URL_INVALID" }));
});

test("one of several members that is away is passed over", async () => {
  const etcd = connectEtcd(`http://127.0.0.1:1,${etcdServer().url}`);
  undo.push(etcd.close);
  const registry = etcdRegistry(etcd, { prefix: "/douya/", secret, log });
  undo.push(registry.stop);
  register(open().registry, ["user"], "10.0.0.1:1");
  await expect.poll(() => seenBy(registry, "user")).toEqual(["10.0.0.1:1"]);
});
