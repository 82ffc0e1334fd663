import { type RawBuilder, sql } from "kysely";
import { noPlaceReason } from "#platform/errors/no-place.ts";

/** The work on a video: what is published, then its rungs. */
export type StepName = "processing" | "improving";

/** What is told of a step, beside its state, which is the video's. */
export interface Step {
  sinceMs: number;
  /** 0 to 1, of the improving; that of the processing is the video's. */
  progress?: number;
  /** Why it failed, or why its last try did. */
  reason?: string;
  nextTryAtMs?: number;
}
export type Steps = Partial<Record<StepName, Step>>;

/** Steps come into another state now. */
export function stepBegins(
  names: StepName | StepName[],
  told: Pick<Step, "reason" | "nextTryAtMs"> = {},
): RawBuilder<Steps> {
  return sql`steps || (select jsonb_object_agg(name, ${JSON.stringify(told)}::jsonb || jsonb_build_object(
    'sinceMs', floor(extract(epoch from clock_timestamp()) * 1000))) from unnest(${[names].flat()}::text[]) as t(name))`;
}

/** How much of the rungs is there. */
export function improvingProgress(progress: number): RawBuilder<Steps> {
  return sql`jsonb_set(steps, '{improving,progress}', to_jsonb(${progress}::float4))`;
}

/** The reason of a failed try that people are told; no cause in the server is among them. */
export function reasonOfTry(error: unknown): string {
  return noPlaceReason(error) ?? "TRY_FAILED";
}

/** With less there is nothing to tell yet of when it ends. */
const leastProgress = 0.05;

export function endsAtMs({ sinceMs }: Step, progress: number, nowMs = Date.now()): number {
  if (progress < leastProgress || progress >= 1) return 0;
  return Math.round(sinceMs + (nowMs - sinceMs) / progress);
}
