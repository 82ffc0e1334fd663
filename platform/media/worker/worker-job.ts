import type { ConvertJob, SampleJob, SourceFile, StillJob } from "../media-engine.ts";

/** What the worker is told to do, as JSON in its first argument. */
export type WorkerJob =
  | { kind: "inspect"; source: SourceFile }
  | { kind: "measure"; source: SourceFile; stream: number }
  | ({ kind: "sample" } & SampleJob)
  | ({ kind: "still" } & StillJob)
  | ({ kind: "convert" } & ConvertJob);

export interface WorkerBounds {
  threads: number;
  maxPixels: number;
}
