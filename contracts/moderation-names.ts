/** What can be reported, and acted on. */
export const subjectKinds = ["video", "comment", "user", "message", "group"] as const;
export type SubjectKind = (typeof subjectKinds)[number];

/** Why something is reported, or acted on. Their places are the numbers in the tables: new ones come last. */
export const moderationReasons = [
  ...(["spam", "abuse", "other", "sexual", "violence", "hate", "minors", "self-harm"] as const),
  ...(["illegal", "misinformation", "copyright", "impersonation"] as const),
] as const;
export type ModerationReason = (typeof moderationReasons)[number];

/** What moderators do about each kind. */
export const actsOf = {
  video: [
    ...(["dismiss", "warn", "restrict", "take-down", "restore"] as const),
    ...(["keep", "release", "lock-comments", "unlock-comments"] as const),
  ],
  comment: ["dismiss", "warn", "take-down", "restore"],
  user: ["dismiss", "warn", "mute", "suspend", "reset-profile", "restore"],
  message: ["dismiss", "warn", "take-down"],
  group: ["dismiss", "warn", "take-down", "restore"],
} as const satisfies Record<SubjectKind, readonly string[]>;
export type Act = (typeof actsOf)[SubjectKind][number];

export const acts: readonly Act[] = [...new Set(Object.values(actsOf).flat())];

/** Acts that may have an end in time. */
export const timedActs: readonly Act[] = ["restrict", "take-down", "lock-comments", "mute", "suspend"];

/** Until it is undone: later than any clock, and a time that JavaScript and PostgreSQL can tell. */
export const foreverMs = Date.UTC(9999, 0, 1);

/** In a sentence. */
export const untilWords = (untilMs: number): string =>
  untilMs >= foreverMs
    ? "until further notice"
    : `until ${new Date(untilMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
