import type { Row } from "./scoreboard.ts";
import type { World } from "./world.ts";

export interface BenchOptions {
  rounds: number;
  /** How long one measurement lasts, where it is one of time. */
  roundMs: number;
  /** Folder for CPU profiles of the servers; undefined: none are taken. */
  profileDir: string | undefined;
}
/** Measures one thing and answers with its lines of the table. */
export type Bench = (world: World, options: BenchOptions) => Promise<Row[]>;
