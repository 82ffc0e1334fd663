import type { ActName, QueueEntry, SubjectKind } from "../api/types.ts";

const acts: Record<SubjectKind, readonly ActName[]> = {
  video: [
    "dismiss",
    "warn",
    "restrict",
    "take-down",
    "restore",
    "lock-comments",
    "unlock-comments",
    "keep",
    "release",
  ],
  comment: ["dismiss", "warn", "take-down", "restore"],
  user: ["dismiss", "warn", "mute", "suspend", "reset-profile", "restore"],
  message: ["dismiss", "warn", "take-down"],
  group: ["dismiss", "warn", "take-down", "restore"],
};
export const timed: readonly ActName[] = ["restrict", "take-down", "lock-comments", "mute", "suspend"];

/** What can be done about something; what would change nothing is left out where its standing is known. */
export function actsOf(kind: SubjectKind, standing?: QueueEntry["standing"]): readonly ActName[] {
  if (!standing) return acts[kind];
  const { reach, kept, commentsLocked, mutedUntil, suspendedUntil } = standing;
  const untouched = reach === "full" && !commentsLocked && !mutedUntil && !suspendedUntil;
  const pointless: Partial<Record<ActName, boolean>> = {
    ...{ restore: untouched, "take-down": reach === "down", restrict: reach === "restricted" },
    ...{ keep: kept, release: !kept, "lock-comments": commentsLocked, "unlock-comments": !commentsLocked },
  };
  return acts[kind].filter((act) => !pointless[act]);
}
