import type { BenchEnvironment } from "./bench-environment.ts";
import type { Row } from "./scoreboard.ts";

export interface BenchOptions {
  rounds: number;
  /** How long one measurement lasts, if it is limited by time. */
  roundMs: number;
  /** Folder for CPU profiles of the servers; undefined: none. */
  profileDir: string | undefined;
}
/** Measures one thing and returns its rows of the table. */
export type Bench = (environment: BenchEnvironment, options: BenchOptions) => Promise<Row[]>;
