import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { findProgram } from "./find-program.ts";
import { freePorts } from "./free-ports.ts";

/** An etcd of one member for one test. */
export interface PrivateEtcd {
  readonly url: string;
  /** Signals its process. */
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its data, at the same address. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

const readyMs = 60_000;

/** Starts an etcd before the tests of this file or `describe`; skips them where there is none. */
export function withEtcd(): () => PrivateEtcd {
  const isHere = findProgram("etcd") !== undefined;
  let server: PrivateEtcd | undefined;
  beforeAll(async () => {
    if (isHere) server = await startPrivateEtcd();
  });
  beforeEach((context) => {
    if (isHere) return;
    context.task.meta.lacks = "etcd";
    context.skip("needs etcd on the PATH");
  });
  afterAll(() => server?.remove());
  return () => server!;
}

async function startPrivateEtcd(): Promise<PrivateEtcd> {
  const folder = await mkdtemp(join(tmpdir(), "douya-etcd-"));
  const [client, peer] = await freePorts(2);
  const url = `http://127.0.0.1:${client}`;
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const peerUrl = `http://127.0.0.1:${peer}`;
    const started = spawn(
      "etcd",
      [
        ...["--data-dir", folder, "--listen-client-urls", url, "--advertise-client-urls", url],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
        ...["--initial-cluster", `default=${peerUrl}`, "--unsafe-no-fsync", "--log-level", "error"],
      ],
      { stdio: "ignore" },
    );
    child = started;
    let failure: unknown;
    started.once("error", (error) => {
      failure = error;
    });
    for (const deadline = Date.now() + readyMs; ; await delay(50)) {
      if (failure) throw failure;
      const health = await fetch(`${url}/health`).then(
        (answer) => answer.text(),
        () => "",
      );
      if (health.includes('"true"')) return;
      if (started.exitCode !== null || Date.now() > deadline) throw new Error("etcd did not start");
    }
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  await start();
  return {
    url,
    signal: (signal) => void child?.kill(signal),
    kill,
    restart: start,
    async remove() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
