import { setTimeout as delay } from "node:timers/promises";
import { startPrivatePostgres } from "#platform/testing/private-postgres.ts";
import type { Random } from "#platform/testing/random.ts";
import { everydayCluster } from "../harness/cluster.ts";
import { type Deployment, deploy, type Shape } from "../harness/deployment.ts";
import { nowAndThenMs, until } from "../harness/within.ts";

const longestRestMs = 1_500;
const longestPauseMs = 2_000;

/** A deployment whose processes and database are killed and paused at random. */
export interface FaultyDeployment {
  readonly deployment: Deployment;
  /**
   * One fault after the other, of its own and of `more`. The next one comes when something was acknowledged after the
   * last: on a busy machine nothing would come through between two that only a clock sets apart.
   */
  suffer(goesOn: () => boolean, acknowledged: () => number, more?: (() => Promise<void>)[]): Promise<void>;
  remove(): Promise<void>;
}

/** `modules`: those whose processes suffer where each has one of its own. */
export async function deployFaulty(
  shape: Shape,
  random: Random,
  modules: string[],
): Promise<FaultyDeployment> {
  const { deployment, killDatabase, removeDatabase } =
    shape === "cluster" ? await inCluster() : await withOwnDatabase(shape);
  const module = () => (shape === "all" ? "gateway" : random.of(modules));
  const own = [
    async function killProcess() {
      const killed = module();
      await deployment.programOf(killed).kill();
      await deployment.restart(killed);
    },
    async function pauseProcess() {
      const program = deployment.programOf(module());
      program.signal("SIGSTOP");
      await delay(random.below(longestPauseMs));
      program.signal("SIGCONT");
    },
    killDatabase,
  ];
  return {
    deployment,
    async suffer(goesOn, acknowledged, more = []) {
      while (goesOn()) {
        await delay(random.below(longestRestMs));
        const fault = random.of([...own, ...more]);
        await fault();
        const before = acknowledged();
        await until(
          `something is acknowledged after ${fault.name}`,
          () => !goesOn() || acknowledged() > before,
          nowAndThenMs,
        );
      }
    },
    async remove() {
      await deployment.remove();
      await removeDatabase();
    },
  };
}

async function inCluster() {
  const deployment = await deploy("cluster");
  const cluster = await everydayCluster();
  return {
    deployment,
    // Its replica takes over by itself.
    async killDatabase() {
      await cluster.kill("postgres-primary");
      await cluster.whole();
    },
    async removeDatabase() {},
  };
}

async function withOwnDatabase(shape: Shape) {
  const postgres = await startPrivatePostgres();
  return {
    deployment: await deploy(shape, { databaseUrl: postgres.url }),
    async killDatabase() {
      await postgres.kill();
      await postgres.restart();
    },
    removeDatabase: postgres.remove,
  };
}
