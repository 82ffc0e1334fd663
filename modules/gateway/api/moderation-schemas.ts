import Type from "typebox";
import { moderationReasons, subjectKinds } from "#contracts/moderation-names.ts";
import { Id, MessageLine, nullable, Time } from "./schemas.ts";

/** One of these texts. */
export const named = <const Text extends string>(texts: readonly Text[], description?: string) =>
  Type.Unsafe<Text>({ type: "string", enum: [...texts], ...(description && { description }) });

export const Subject = Type.Object({ kind: named(subjectKinds), id: Id });
export const Until = Type.String({
  format: "date-time",
  description: "When it ends by itself; missing: when it is undone.",
});
const Reason = nullable(named(moderationReasons));

/** What moderators did, as whom it concerns is told. */
const told = {
  id: Id,
  subject: Subject,
  act: Type.String({
    description: "One that a client does not know is of a later server; expire: its time was over.",
  }),
  reason: Reason,
  text: Type.String(),
  until: nullable(Time),
  at: Time,
  videoId: nullable(Id),
};
export const OwnAct = Type.Object({
  ...told,
  appealable: Type.Boolean(),
  appeal: Type.Union([Type.String(), Type.Null()], { description: "What the caller has said." }),
});
export const Act = Type.Object({
  ...told,
  actor: Type.Union([Type.Ref("User"), Type.Null()], { description: "Null: nobody, its time was over." }),
  owner: nullable(Type.Ref("User")),
  note: Type.String(),
  batchId: Type.String(),
});

/** Something that waits for a moderator. What is gone is null. */
export const QueueEntry = Type.Object({
  subject: Subject,
  owner: nullable(Type.Ref("User")),
  waitingSince: Time,
  weight: Type.Number({
    description: "Of its reports, each as much as its reporter is believed: from 0.1 to 1.",
  }),
  reports: Type.Array(Type.Object({ reason: named(moderationReasons), count: Type.Integer() })),
  texts: Type.Array(Type.String(), { description: "What the newest reports say, at most 3." }),
  claimedBy: nullable(Type.Ref("User")),
  claimedUntil: nullable(Time),
  standing: Type.Object({
    reach: named(["full", "restricted", "down"] as const),
    kept: Type.Boolean(),
    commentsLocked: Type.Boolean(),
    mutedUntil: nullable(Time),
    suspendedUntil: nullable(Time),
  }),
  appeal: nullable(Type.Object({ actId: Id, text: Type.String(), at: Time })),
  before: Type.Array(Act, {
    description: "What was done about its owner before, the latest first, at most 5.",
  }),
  video: nullable(Type.Ref("Video")),
  comment: nullable(Type.Ref("Comment")),
  group: nullable(
    Type.Object({ id: Id, name: Type.String(), announcement: Type.String(), members: Type.Integer() }),
  ),
  messages: nullable(Type.Array(MessageLine)),
});
