import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { freePorts } from "../testing/free-ports.ts";
import { withRedis } from "../testing/private-redis.ts";
import { checkRedis } from "./check-redis.ts";
import { inspectRedis } from "./inspect-redis.ts";

const unfit = (what: RegExp) =>
  expect.objectContaining({ reason: "REDIS_UNFIT", message: expect.stringMatching(what) });

describe("a single Redis", () => {
  const redis = withRedis();
  const port = () => redis().processes[0]!.port;
  const ask = (...words: string[]) => redis().processes[0]!.ask(...words);

  test("that is set up as it must be is told with its version", async () => {
    expect(await checkRedis(redis().url)).toMatch(/^Redis \d+\.\d+\.\d+ \(single\), answers in \d+ ms$/);
  });

  test("what is to mend in its memory is said", async () => {
    await ask("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await ask("CONFIG", "SET", "maxmemory", "0");
    await expect(checkRedis(redis().url)).rejects.toThrow(/set maxmemory.*noeviction.*set allkeys-lfu/);
    await ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu");
    await ask("CONFIG", "SET", "maxmemory", "64mb");
  });

  test("a wrong password is said, and not repeated", async () => {
    await ask("CONFIG", "SET", "requirepass", "right");
    const withPassword = (password: string) => `redis://:${password}@127.0.0.1:${port()}`;
    for (const url of [redis().url, withPassword("wrong-one")]) {
      const refused = await inspectRedis(url).catch((error) => error);
      expect(refused).toEqual(unfit(/wants another user name or password/));
      expect(refused.message).not.toContain("wrong-one");
    }
    expect(await checkRedis(withPassword("right"))).toContain("Redis");
    await ask("-a", "right", "CONFIG", "SET", "requirepass", "");
  });

  test("one that is no node of a cluster, does not speak TLS, or is a replica, is refused", async () => {
    await expect(inspectRedis(`redis+cluster://127.0.0.1:${port()}`)).rejects.toEqual(
      unfit(/is not in cluster mode/),
    );
    await expect(inspectRedis(`rediss://127.0.0.1:${port()}`)).rejects.toMatchObject({
      message: expect.stringMatching(/speak TLS/),
    });
    await ask("REPLICAOF", "127.0.0.1", "1");
    await expect(inspectRedis(redis().url)).rejects.toEqual(unfit(/is a replica/));
    await ask("REPLICAOF", "NO", "ONE");
  });
});

describe("a cluster", () => {
  const redis = withRedis("cluster");

  test("is told, and its node is refused as a single Redis", async () => {
    expect(await checkRedis(redis().url)).toContain("(cluster)");
    await expect(inspectRedis(`redis://127.0.0.1:${redis().processes[0]!.port}`)).rejects.toEqual(
      unfit(/is a node of a cluster: write redis\+cluster/),
    );
  });

  test("that goes down with one of its shards is to mend", async () => {
    const needAll = (setting: string) =>
      redis().processes[0]!.ask("CONFIG", "SET", "cluster-require-full-coverage", setting);
    await needAll("yes");
    await expect(checkRedis(redis().url)).rejects.toThrow(/set cluster-require-full-coverage no/);
    await needAll("no");
  });

  test("that has lost a node is not whole", async () => {
    const others = redis().processes.slice(0, 2);
    await Promise.all(
      others.map((node) => node.ask("CONFIG", "SET", "cluster-require-full-coverage", "yes")),
    );
    await redis().processes[2]!.kill();
    await expect.poll(() => checkRedis(redis().url).catch((error) => error.message)).toMatch(/not whole/);
  });
});

describe("sentinels", () => {
  const redis = withRedis("sentinel");

  test("are told, with the name of what they watch", async () => {
    expect(await checkRedis(redis().url)).toContain("(sentinel)");
    await expect(inspectRedis(redis().url.replace("mymaster", "other"))).rejects.toEqual(
      unfit(/does not watch "other"/),
    );
    await expect(inspectRedis(`redis://127.0.0.1:${redis().processes[2]!.port}`)).rejects.toEqual(
      unfit(/is a sentinel/),
    );
  });

  test("without a quorum are to mend", async () => {
    await redis().processes[3]!.kill();
    await redis().processes[4]!.kill();
    await expect.poll(() => checkRedis(redis().url).catch((error) => error.message)).toMatch(/NOQUORUM/);
  });
});

test("an address where nothing listens is named", async () => {
  const [port] = await freePorts(1);
  await expect(inspectRedis(`redis://127.0.0.1:${port}`)).rejects.toMatchObject({
    reason: "REDIS_UNREACHABLE",
    message: expect.stringContaining(`127.0.0.1:${port} (ECONNREFUSED)`),
  });
});

test("an address that hangs up may want TLS", async () => {
  const server = createServer((socket) => socket.resetAndDestroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await expect(inspectRedis(`redis://127.0.0.1:${port}`)).rejects.toThrow(/if it wants TLS, write rediss/);
  server.close();
});

test("what is not Redis is said to be something else", async () => {
  const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await expect(inspectRedis(`redis://127.0.0.1:${port}`)).rejects.toEqual(
    unfit(/something else listens there/),
  );
  server.close();
});
