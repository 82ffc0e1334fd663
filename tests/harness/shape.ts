import type { Program } from "./program.ts";

/**
 * The ways to spread modules over processes. `all` and `split` need no engines; `cluster` has all of them and two
 * processes of each module.
 */
export type Shape = "all" | "split" | "cluster";

export interface Deployment {
  readonly shape: Shape;
  /** The public address: http://127.0.0.1:12345 */
  readonly origin: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  /** Of the database in which a module's tables are. */
  databaseUrlOf(module: string): string;
  /** The process that runs a module. */
  programOf(module: string): Program;
  programs(): Program[];
  /** The address of a module's service for other processes; nothing listens there if there are none. */
  rpcAddressOf(module: string): string;
  /** Starts another process with the same modules as this module's; returns its public address. */
  another(module: string): Promise<string>;
  /** Restarts the process of a module after it was stopped or killed, this time with more in its environment. */
  restart(module: string, env?: Record<string, string>): Promise<void>;
  /** Stops all processes and removes their data. Resolves with their output. */
  remove(): Promise<string>;
}

export interface DeploymentOptions {
  /** A module that the others know at a second address too, where `another` starts it. */
  atTwoPlaces?: string;
  env?: Record<string, string>;
  /** Modules that get a database of their own, or where it is. */
  ownDatabases?: readonly string[] | Readonly<Record<string, string>>;
  /** A database that the caller maintains, instead of a fresh one on the run's shared server. */
  databaseUrl?: string;
}
