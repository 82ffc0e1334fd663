import { type Act, actsOf, foreverMs, type SubjectKind, timedActs } from "#contracts/moderation-names.ts";
import { refusal } from "#contracts/reasons.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { checkText } from "#platform/text/text-rules.ts";

export type Reach = "full" | "restricted" | "down";

/** What holds of a subject, and until when: 0 is not at all, `foreverMs` until it is undone. */
export interface Standing {
  reach: Reach;
  /** 0 while the reach is full. */
  reachUntilMs: number;
  kept: boolean;
  lockedUntilMs: number;
  mutedUntilMs: number;
  suspendedUntilMs: number;
  /** The act that did it last; "0": none. */
  profileReset: string;
}

/** Of what nobody has acted on. */
export const untouched: Standing = {
  reach: "full",
  reachUntilMs: 0,
  kept: false,
  lockedUntilMs: 0,
  mutedUntilMs: 0,
  suspendedUntilMs: 0,
  profileReset: "0",
};

/** As it is kept: what is over is told by nobody's act. */
export type KeptAct = Act | "expire";

/** How a subject stands after an act: the only place that says what acts mean. `untilMs`: null, until it is undone. */
export function after(
  standing: Standing,
  done: { id: string; act: KeptAct; untilMs: number | null },
): Standing {
  const until = done.untilMs ?? foreverMs;
  switch (done.act) {
    case "dismiss":
    case "warn":
      return standing;
    case "restrict":
      return { ...standing, reach: "restricted", reachUntilMs: until };
    case "take-down":
      return { ...standing, reach: "down", reachUntilMs: until };
    case "keep":
      return { ...standing, kept: true };
    case "release":
      return { ...standing, kept: false };
    case "lock-comments":
      return { ...standing, lockedUntilMs: until };
    case "unlock-comments":
      return { ...standing, lockedUntilMs: 0 };
    case "mute":
      return { ...standing, mutedUntilMs: until };
    case "suspend":
      return { ...standing, suspendedUntilMs: until };
    case "reset-profile":
      return { ...standing, profileReset: done.id };
    case "restore":
      // What a profile was is not known any more, and evidence is kept until it is released.
      return { ...untouched, kept: standing.kept, profileReset: standing.profileReset };
    case "expire":
      return withoutPast(standing, timeOfId(done.id));
  }
}

function withoutPast(standing: Standing, nowMs: number): Standing {
  const left = (untilMs: number) => (untilMs > nowMs ? untilMs : 0);
  const reachUntilMs = left(standing.reachUntilMs);
  return {
    ...standing,
    reach: reachUntilMs > 0 ? standing.reach : "full",
    reachUntilMs,
    lockedUntilMs: left(standing.lockedUntilMs),
    mutedUntilMs: left(standing.mutedUntilMs),
    suspendedUntilMs: left(standing.suspendedUntilMs),
  };
}

/** When something of it is over; null: nothing is before it is undone. */
export function endsMs(standing: Standing): number | null {
  const { reachUntilMs, lockedUntilMs, mutedUntilMs, suspendedUntilMs } = standing;
  const ends = [reachUntilMs, lockedUntilMs, mutedUntilMs, suspendedUntilMs];
  const first = Math.min(...ends.filter((untilMs) => untilMs > 0));
  return first < foreverMs ? first : null;
}

/** Whether an act answers the reports: those about what a colleague only keeps, or locks, still wait. */
export const judges = (act: KeptAct): boolean =>
  !["keep", "release", "unlock-comments", "expire"].includes(act);
/** Whether it says that whoever reported the thing was right; such acts can be appealed. */
export const upholds = (act: KeptAct): boolean =>
  !["dismiss", "restore", "expire", "unlock-comments", "release", "keep"].includes(act);
/** What nobody is told of. */
export const untold: readonly KeptAct[] = ["dismiss", "keep", "release"];

/** How much a reporter is believed: of those whose reports led to nothing, less and less. */
export const weightOf = ({ upheld, dismissed }: { upheld: number; dismissed: number }): number =>
  Math.max(0.1, Math.min(1, (upheld + 2) / (upheld + dismissed + 2)));

/** What never changes is judged once. */
export const isFixed = (kind: SubjectKind): boolean => kind === "comment" || kind === "message";

/** Error: ACT_INVALID. */
export function checkAct(kind: SubjectKind, act: string, untilMs: number | null, nowMs: number): Act {
  const known = actsOf[kind].find((name) => name === act);
  if (!known) throw refusal("ACT_INVALID", `act: of a ${kind}, one of ${actsOf[kind].join(", ")}.`);
  if (untilMs === null) return known;
  if (!timedActs.includes(known)) throw refusal("ACT_INVALID", `until: ${known} has no end in time.`);
  if (!(untilMs > nowMs && untilMs < foreverMs)) throw refusal("ACT_INVALID", "until: a time to come.");
  return known;
}

/** Unjudged reports of one person at once. */
export const maxWaitingReports = 100;
/** Reports of a thing that are kept: more tell nothing new. */
export const maxReports = 200;
/** How long a claim lasts. */
export const claimMs = 600_000;

const line = (label: string, max: number) => (text: string) =>
  checkText(text, { label, reason: "REPORT_INVALID", min: 0, max });
export const checkReportText = line("A report", 200);
export const checkWords = line("What is said of an act", 1_000);
