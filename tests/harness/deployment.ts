import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "#platform/testing/free-ports.ts";
import { createTestDatabase } from "#platform/testing/test-database.ts";
import { type Program, startProgram } from "./program.ts";

/** The ways to spread modules over processes: every scenario runs in each. */
export const shapes = ["all", "split"] as const;
export type Shape = (typeof shapes)[number];

/** Modules by process, in start order; the last process serves the public. */
const targetsOf: Record<Shape, string[]> = {
  all: ["all"],
  split: ["user", "video,message,feed", "relation,interaction", "gateway"],
};

export interface Deployment {
  readonly shape: Shape;
  /** The public address: http://127.0.0.1:12345 */
  readonly origin: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  /** The process that runs a module. */
  programOf(module: string): Program;
  programs(): Program[];
  /** The address of a module's service for other processes; nothing listens there if there are none. */
  rpcAddressOf(module: string): string;
  /** Starts another process with the same modules as this module's; returns its public address. */
  another(module: string): Promise<string>;
  /** Restarts the process of a module after it was stopped or killed. */
  restart(module: string): Promise<void>;
  /** Stops all processes and removes their data. Resolves with their output. */
  remove(): Promise<string>;
}

export interface DeploymentOptions {
  /** A module that the others know at a second address too, where `another` starts it. */
  atTwoPlaces?: string;
  env?: Record<string, string>;
  /** A database that the caller maintains, instead of a fresh one on the run's shared server. */
  databaseUrl?: string;
}

/** Starts the program in one of its shapes, with its own data folder and database. */
export async function deploy(shape: Shape, options: DeploymentOptions = {}): Promise<Deployment> {
  const dataDir = await mkdtemp(join(tmpdir(), "douya-scenario-"));
  const own = options.databaseUrl === undefined ? await createTestDatabase() : undefined;
  const databaseUrl = options.databaseUrl ?? own!.url;
  const programs = new Map<string, Program>();
  const past: Program[] = [];
  const environments = new Map<string, Record<string, string>>();
  let origin = "";
  let secondRpcPort: number | undefined;

  async function start(target: string): Promise<void> {
    const program = startProgram(["serve", `--target=${target}`], environments.get(target)!);
    programs.set(target, program);
    past.push(program);
    await program.printed(/Stop {5}Ctrl-C/);
  }

  async function startAll(): Promise<void> {
    const targets = targetsOf[shape];
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
        DOUYA_PORT: String(port),
        DOUYA_RPC_PORT: String(rpcPort),
        DOUYA_SERVICES: services.join(","),
        ...options.env,
      });
      origin = `http://127.0.0.1:${port}`;
    }
    // Processes need the others only to answer, not to start.
    await Promise.all(targets.map(start));
  }

  const targetOf = (module: string) =>
    targetsOf[shape].find((target) => target === "all" || target.split(",").includes(module))!;
  const output = () => past.map((program) => `--- process ${program.pid}\n${program.output()}`).join("\n");
  const remove = async () => {
    await Promise.all(past.map((program) => program.stop()));
    await own?.drop();
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
    restart: (module) => start(targetOf(module)),
    remove,
  };
}
