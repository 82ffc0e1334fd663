import type { ColumnType, Generated } from "kysely";
import type { ModerationReason, SubjectKind } from "#contracts/moderation-names.ts";
import type { KeptAct, Reach } from "./rules.ts";

type Milliseconds = ColumnType<string, number | undefined, number>;

export interface Tables {
  /** Only added to: a trigger refuses everything else. */
  act: {
    subject_id: string;
    id: string;
    kind: SubjectKind;
    act: KeptAct;
    /** 0: nobody, its time was over. */
    actor_id: string;
    owner_id: string;
    video_id: string | null;
    reason: ModerationReason | "";
    note: string;
    words: string;
    until_ms: ColumnType<string | null, number | null, never>;
    batch_id: string;
  };
  /** How a subject stands: what the acts on it amount to (rules.ts), and what waits. */
  status: {
    subject_id: string;
    kind: SubjectKind;
    owner_id: string;
    video_id: string | null;
    reach: Generated<Reach>;
    reach_until_ms: Milliseconds;
    kept: Generated<boolean>;
    locked_until_ms: Milliseconds;
    muted_until_ms: Milliseconds;
    suspended_until_ms: Milliseconds;
    profile_reset: Generated<string>;
    /** When something of it is over. */
    ends_ms: ColumnType<string | null, number | null | undefined, number | null>;
    last_act: Generated<string>;
    /** The act up to which whoever enforces it knows. */
    enforced: Generated<string>;
    /** Of the report or appeal since which it waits. */
    waiting_since: Generated<string | null>;
    weight: Generated<number>;
    claimed_by: Generated<string | null>;
    claimed_until: Generated<Date | null>;
    /** The reports of something that never changes count once. */
    judged: Generated<boolean>;
  };
  report: {
    subject_id: string;
    reporter_id: string;
    id: string;
    reason: ModerationReason;
    words: string;
    weight: number;
    /** Of a message: the report in which its module keeps what was said around it. */
    evidence_id: string | null;
    judged: Generated<boolean>;
  };
  appeal: {
    subject_id: string;
    act_id: string;
    owner_id: string;
    id: string;
    words: string;
    answered: Generated<boolean>;
  };
  reporter: {
    user_id: string;
    upheld: Generated<number>;
    dismissed: Generated<number>;
    gone: Generated<boolean>;
  };
}
