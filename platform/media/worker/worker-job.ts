import type {
  ConvertJob,
  LoudnessJob,
  SampleJob,
  SourceFile,
  StillJob,
  StreamFacts,
} from "../media-engine.ts";
import type { SurveyOptions } from "../packet-survey.ts";

/** The job of the worker, as JSON in its first argument. */
export type WorkerJob =
  | { kind: "inspect"; source: SourceFile }
  | { kind: "survey"; source: SourceFile; options: SurveyOptions }
  | { kind: "decodable"; source: SourceFile; streams: Pick<StreamFacts, "index" | "kind">[] }
  | { kind: "light" | "sequences"; source: SourceFile; stream: number }
  | ({ kind: "loudness" } & LoudnessJob)
  | ({ kind: "sample" } & SampleJob)
  | ({ kind: "still" } & StillJob)
  | ({ kind: "convert" } & ConvertJob);

export interface WorkerBounds {
  threads: number;
  maxPixels: number;
}
