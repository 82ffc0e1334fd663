import type { Resume } from "#contracts/gen/playback_pb.ts";

/** Where the caller stopped watching; null: nowhere. */
export function toApiResume(resume: Resume | undefined) {
  return resume ? { positionMs: resume.positionMs, picture: resume.picture || null } : null;
}
