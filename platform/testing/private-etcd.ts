import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { KV } from "#platform/registry/etcd/gen/etcd_pb.ts";
import { rangeOf } from "#platform/registry/etcd/keys.ts";
import { type EngineProcess, startEngine } from "./engine-process.ts";
import { freePorts } from "./free-ports.ts";
import { withEngine } from "./with-engine.ts";

/** An etcd of one member for one test. */
export interface PrivateEtcd extends EngineProcess {
  readonly url: string;
  remove(): Promise<void>;
}

/**
 * Starts an etcd before the tests of this file or `describe`; skips them where there is none. With `emptied`, nothing
 * below /douya/ is left after a test.
 */
export function withEtcd({ emptied = false } = {}): () => PrivateEtcd {
  const server = withEngine("etcd", ["etcd"], startPrivateEtcd);
  // The test's own steps come before this: they were declared later.
  if (emptied) afterEach(() => server() && empty(server().url));
  return server;
}

async function empty(url: string): Promise<void> {
  const etcd = connectEtcd(url);
  await etcd.call(KV.method.deleteRange, rangeOf("/douya/"));
  etcd.close();
}

async function startPrivateEtcd(): Promise<PrivateEtcd> {
  const folder = await mkdtemp(join(tmpdir(), "douya-etcd-"));
  const [client, peer] = await freePorts(2);
  const url = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const args = [
    ...["--data-dir", folder, "--listen-client-urls", url, "--advertise-client-urls", url],
    ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
    ...["--initial-cluster", `default=${peerUrl}`, "--unsafe-no-fsync", "--log-level", "error"],
  ];
  const etcd = await startEngine("etcd", args, async () =>
    (await (await fetch(`${url}/health`)).text()).includes('"true"'),
  );
  return {
    ...etcd,
    url,
    async remove() {
      await etcd.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
