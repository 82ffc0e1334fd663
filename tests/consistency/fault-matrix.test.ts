import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modulesOf } from "#apps/server/targets.ts";
import { type CuttingProxy, cuttingProxy } from "#platform/testing/cutting-proxy.ts";
import { type PrivatePostgres, startPrivatePostgres } from "#platform/testing/private-postgres.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { type SmallDisk, smallDisk } from "#platform/testing/small-disk.ts";
import { type Deployment, deploy } from "../harness/deployment.ts";
import { scenarioOf } from "../harness/scenario.ts";
import { nowAndThenMs, until } from "../harness/within.ts";
import { cast } from "./cast.ts";
import { type FaultLine, faultTable, runFault } from "./fault-run.ts";
import { workload } from "./workload.ts";

/** `npm run test:faults` makes every line of docs/faults.md; the suite makes three that the seed chooses. */
const all = process.env.FAULTS === "all";
const pauseMs = all ? 30_000 : 3_000;
const shiftedMs = all ? 10_000 : 2_000;
const cutMs = all ? 15_000 : 3_000;
const patienceMs = 60_000;

describe("the fault matrix, split", () => {
  const random = randomOf(testSeed("fault matrix, split"));
  let postgres: PrivatePostgres;
  let deployment: Deployment | undefined;
  /** To each module, and to the database. */
  const ways = new Map<string, CuttingProxy>();
  const services = modulesOf("all")
    .map(({ module }) => module.name)
    .filter((name) => name !== "gateway");
  const lines: FaultLine[] = [];
  const server = scenarioOf(() => deployment!);

  let disk: SmallDisk | undefined;
  beforeAll(async () => {
    if (all) disk = await smallDisk(600);
    postgres = await startPrivatePostgres({}, disk?.folder);
    const { pathname, searchParams, username, password } = new URL(postgres.url.replace("@/", "@localhost/"));
    const socket = `${searchParams.get("host")}/.s.PGSQL.${searchParams.get("port") ?? "5432"}`;
    ways.set("database", await cuttingProxy(() => ({ path: socket })));
    const login = `${username}:${password}@127.0.0.1:${ways.get("database")!.port}`;
    for (const module of services) {
      // The first processes may look for the others before all are started.
      const place = () => {
        const port = deployment?.rpcAddressOf(module).split(":")[1];
        return port === undefined ? undefined : { host: "127.0.0.1", port: Number(port) };
      };
      ways.set(module, await cuttingProxy(place));
    }
    deployment = await deploy("split", {
      databaseUrl: `postgres://${login}${pathname}`,
      ...(all && { env: { DOUYA_SERVICES: services.map(wayTo).join(",") } }),
    });
  });
  afterAll(async () => {
    if (all) process.stdout.write(`${faultTable(lines)}\n`);
    await deployment?.remove();
    for (const way of ways.values()) way.close();
    await postgres?.remove();
    await disk?.remove();
  });

  async function killAndRestart(...modules: string[]): Promise<void> {
    await Promise.all(modules.map((module) => deployment!.programOf(module).kill()));
    await Promise.all(modules.map((module) => deployment!.restart(module)));
  }
  async function pause(module: string): Promise<void> {
    const program = deployment!.programOf(module);
    program.signal("SIGSTOP");
    await delay(pauseMs);
    program.signal("SIGCONT");
  }
  /** Its processes cannot know that their clock is wrong; then it is set right again. */
  async function shiftClock(module: string, minutes: number): Promise<void> {
    const program = deployment!.programOf(module);
    await program.stop();
    await deployment!.restart(module, {
      NODE_OPTIONS: `--import=${fileURLToPath(new URL("../harness/shifted-clock.mjs", import.meta.url))}`,
      SHIFT_CLOCK_MS: String(minutes * 60_000),
    });
    await delay(shiftedMs);
    await deployment!.programOf(module).stop();
    await deployment!.restart(module);
  }
  const wayTo = (module: string) => `${module}=127.0.0.1:${ways.get(module)!.port}`;
  async function cut(names: string[], way: Parameters<CuttingProxy["cut"]>[0]): Promise<void> {
    for (const name of names) ways.get(name)!.cut(way);
    await delay(cutMs);
    for (const name of names) ways.get(name)!.mend();
  }
  async function fillDisk(): Promise<void> {
    if (!disk) throw new Error("the fault matrix needs a disk of its own for the database: run it as root");
    await disk.fill();
    await delay(cutMs);
    await disk.empty();
  }
  const processes = ["user", "video", "relation", "gateway"];
  const faults: [fault: string, bringAbout: () => Promise<void>][] = [
    ...processes.flatMap((module): [string, () => Promise<void>][] => [
      [`kill -9 of the process of ${module}, restarted`, () => killAndRestart(module)],
      [`the process of ${module} is paused ${pauseMs / 1000} s`, () => pause(module)],
    ]),
    ...processes.flatMap((module): [string, () => Promise<void>][] => [
      [
        `restarts of the process of ${module}, in between its clock is 10 minutes slow`,
        () => shiftClock(module, -10),
      ],
      [
        `restarts of the process of ${module}, in between its clock is 10 minutes fast`,
        () => shiftClock(module, 10),
      ],
    ]),
    [`nothing reaches the database for ${cutMs / 1000} s`, () => cut(["database"], "requests")],
    [`nothing that the database answers arrives for ${cutMs / 1000} s`, () => cut(["database"], "answers")],
    [
      "kill -9 of the database, restarted",
      async () => {
        await postgres.kill();
        await postgres.restart();
      },
    ],
    [
      "kill -9 of everything at once, restarted",
      async () => {
        await Promise.all([
          postgres.kill(),
          ...processes.map((module) => deployment!.programOf(module).kill()),
        ]);
        await postgres.restart();
        await Promise.all(processes.map((module) => deployment!.restart(module)));
      },
    ],
  ];
  /** Only there does the database have a disk of its own, and do processes reach each other by a way that can be cut. */
  const onlyThere: typeof faults = [
    [`the disk of the database is full for ${cutMs / 1000} s`, fillDisk],
    [`nothing reaches the process of user for ${cutMs / 1000} s`, () => cut(["user"], "requests")],
    [
      `nothing that the process of user answers arrives for ${cutMs / 1000} s`,
      () => cut(["user"], "answers"),
    ],
    [`no process reaches another for ${cutMs / 1000} s`, () => cut(services, "both")],
  ];
  const chosen = all
    ? [...faults, ...onlyThere]
    : [faults.slice(0, 16), faults.slice(16, 18), faults.slice(18)].map((some) => random.of(some));

  test.each(chosen)("%s", async (fault, bringAbout) => {
    // What the fault before has left may still refuse something.
    const those = await until("people and their videos", () => cast(server), nowAndThenMs);
    const clients = workload({ ...those, random, guest: server.api });
    const line = await runFault(fault, clients, bringAbout, patienceMs);
    lines.push(line);
    expect(line.wrong).toEqual([]);
    expect(line.doubled).toEqual([]);
    expect(line.recoveredSeconds).toBeLessThan(patienceMs / 1000);
  });
});
