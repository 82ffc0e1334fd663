import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "#platform/testing/free-ports.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import {
  createTestDatabase,
  createTestDatabaseFrom,
  type TestDatabase,
} from "#platform/testing/test-database.ts";
import { everydayCluster } from "./cluster.ts";
import { type Program, startProgram } from "./program.ts";
import type { Deployment, DeploymentOptions, Shape } from "./shape.ts";
import { until } from "./within.ts";

export type { Deployment, DeploymentOptions, Shape };

/** Every scenario runs in each of these: in the cluster with `npm run test:cluster`, else in those without engines. */
export const shapes: readonly Shape[] = process.env.TEST_SHAPE === "cluster" ? ["cluster"] : ["all", "split"];

/** Modules by process, in start order; the last process serves the public. */
const targetsOf: Record<Exclude<Shape, "cluster">, string[]> = {
  all: ["all"],
  split: ["user", "video,message,feed", "relation,interaction,playback,moderation", "gateway"],
};

/**
 * With all tables, so that not every program has to make them. It belongs to no installation yet: each program that
 * starts makes one of it.
 */
function createMigratedDatabase(): Promise<TestDatabase> {
  return createTestDatabaseFrom("all_modules", async (url) => {
    const dataDir = await mkdtemp(join(tmpdir(), "douya-migrate-"));
    try {
      const migrate = startProgram(["migrate"], { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: url });
      const { code } = await migrate.ended;
      if (code !== 0) throw new Error(migrate.output());
      await queryOnce(url, "drop schema placement cascade");
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
}

/** Starts the program in one of its shapes, with its own data folder and database. */
export async function deploy(shape: Shape, options: DeploymentOptions = {}): Promise<Deployment> {
  if (shape === "cluster") {
    const cluster = await everydayCluster();
    return Object.assign(Object.create(cluster), { remove: cluster.output });
  }
  const targets = targetsOf[shape];
  const dataDir = await mkdtemp(join(tmpdir(), "douya-scenario-"));
  const { ownDatabases = [] } = options;
  const inOneDatabase = Array.isArray(ownDatabases) && ownDatabases.length === 0;
  const makeDatabase = inOneDatabase ? createMigratedDatabase : createTestDatabase;
  const own = options.databaseUrl === undefined ? await makeDatabase() : undefined;
  const databaseUrl = options.databaseUrl ?? own!.url;
  const owned = new Map<string, Pick<TestDatabase, "url"> & Partial<TestDatabase>>();
  if (Array.isArray(ownDatabases))
    for (const module of ownDatabases) owned.set(module, await createTestDatabase());
  else for (const [module, url] of Object.entries(ownDatabases)) owned.set(module, { url });
  const programs = new Map<string, Program>();
  const past: Program[] = [];
  const environments = new Map<string, Record<string, string>>();
  let origin = "";
  let secondRpcPort: number | undefined;

  async function start(target: string, more: Record<string, string> = {}): Promise<void> {
    const program = startProgram(["serve", `--target=${target}`], { ...environments.get(target)!, ...more });
    programs.set(target, program);
    past.push(program);
    await program.printed(/Stop {5}Ctrl-C/);
  }

  async function startAll(): Promise<void> {
    const ports = await freePorts(2 * targets.length + 1);
    const services = targets.flatMap((target, i) =>
      target === "all" ? [] : target.split(",").map((module) => `${module}=127.0.0.1:${ports[2 * i]}`),
    );
    if (options.atTwoPlaces) {
      secondRpcPort = ports.at(-1)!;
      services.push(`${options.atTwoPlaces}=127.0.0.1:${secondRpcPort}`);
    }
    for (const [i, target] of targets.entries()) {
      const [rpcPort, port] = [ports[2 * i]!, ports[2 * i + 1]!];
      environments.set(target, {
        DOUYA_DATA: dataDir,
        DOUYA_DATABASE_URL: databaseUrl,
        DOUYA_LIMITS: "off",
        // Background work that most scenarios need not wait for.
        DOUYA_RUNGS: "none",
        DOUYA_PORT: String(port),
        DOUYA_RPC_PORT: String(rpcPort),
        DOUYA_SERVICES: services.join(","),
        ...Object.fromEntries(
          [...owned].map(([module, { url }]) => [`DOUYA_DATABASE_URL_${module.toUpperCase()}`, url]),
        ),
        ...options.env,
      });
      origin = `http://127.0.0.1:${port}`;
    }
    // Processes need the others only to answer, not to start.
    await Promise.all(targets.map((target) => start(target)));
    // A gateway that came up first was just refused by those that it calls.
    if (shape === "split")
      for (const path of ["/hot-users", "/feed"])
        await until(`the gateway to reach what ${path} needs`, async () => {
          return (await fetch(`${origin}/api/v1${path}`)).status !== 503;
        });
  }

  const targetOf = (module: string) =>
    targets.find((target) => target === "all" || target.split(",").includes(module))!;
  const output = () => past.map((program) => `--- process ${program.pid}\n${program.output()}`).join("\n");
  const remove = async () => {
    await Promise.all(past.map((program) => program.stop()));
    await Promise.all([own, ...owned.values()].map((database) => database?.drop?.()));
    await rm(dataDir, { recursive: true, force: true });
    return output();
  };
  try {
    await startAll();
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await remove()}`);
  }
  return {
    shape,
    origin,
    dataDir,
    databaseUrl,
    databaseUrlOf: (module) => owned.get(module)?.url ?? databaseUrl,
    programOf: (module) => programs.get(targetOf(module))!,
    programs: () => [...programs.values()],
    rpcAddressOf: (module) => `127.0.0.1:${environments.get(targetOf(module))!.DOUYA_RPC_PORT}`,
    async another(module) {
      const target = targetOf(module);
      const [anyRpcPort, port] = await freePorts(2);
      const rpcPort = options.atTwoPlaces === module ? secondRpcPort : anyRpcPort;
      const ports = { DOUYA_PORT: String(port), DOUYA_RPC_PORT: String(rpcPort) };
      const program = startProgram(["serve", `--target=${target}`], {
        ...environments.get(target)!,
        ...ports,
      });
      past.push(program);
      await program.printed(/Stop {5}Ctrl-C/);
      return `http://127.0.0.1:${port}`;
    },
    restart: (module, more) => start(targetOf(module), more),
    remove,
  };
}
