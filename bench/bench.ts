import type { BenchEnvironment } from "./bench-environment.ts";
import type { Row } from "./scoreboard.ts";

export interface BenchOptions {
  rounds: number;
  /** How long one measurement lasts, where it is one of time. */
  roundMs: number;
  /** Folder for CPU profiles of the servers; undefined: none are taken. */
  profileDir: string | undefined;
}
/** Measures one thing and answers with its lines of the table. */
export type Bench = (environment: BenchEnvironment, options: BenchOptions) => Promise<Row[]>;
