import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DoneSchema, QueueItemSchema } from "#contracts/gen/moderation_pb.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import type { ActRow } from "./act-store.ts";
import type { QueueRow } from "./report-store.ts";
import { isClaimed } from "./status-rows.ts";

/** An act as moderators see it. */
export function toDone(row: ActRow): MessageInitShape<typeof DoneSchema> {
  return {
    ...{ id: row.id, subject: { kind: row.kind, id: row.subject_id }, act: row.act, ownerId: row.owner_id },
    ...{ actorId: row.actor_id, reason: row.reason, note: row.note, text: row.words },
    ...{ untilMs: Number(row.until_ms ?? 0), batchId: row.batch_id, videoId: row.video_id ?? "" },
    atMs: timeOfId(row.id),
  };
}

/** As it is told to whom it concerns: who it was, and what colleagues say to each other, is not theirs to know. */
export const toOwnDone = (row: ActRow, more: { appealable: boolean; appeal: string }) => ({
  ...toDone(row),
  ...{ actorId: "", note: "", batchId: "" },
  ...more,
});

export function toQueueItem(row: QueueRow, before: ActRow[]): MessageInitShape<typeof QueueItemSchema> {
  const claimed = isClaimed(row, Date.now());
  return {
    ...{ subject: { kind: row.kind, id: row.subject_id }, ownerId: row.owner_id, weight: row.weight },
    waitingSinceMs: timeOfId(row.waiting_since!),
    reasons: Object.entries(row.reasons).map(([reason, count]) => ({ reason, count: Number(count) })),
    ...{ texts: row.texts, evidenceIds: row.evidence, before: before.map(toDone) },
    ...(claimed && { claimedBy: row.claimed_by!, claimedUntilMs: row.claimed_until!.getTime() }),
    standing: {
      ...{ reach: row.reach, kept: row.kept, commentsLocked: Number(row.locked_until_ms) > 0 },
      ...{ mutedUntilMs: Number(row.muted_until_ms), suspendedUntilMs: Number(row.suspended_until_ms) },
    },
    ...(row.appeal && {
      appeal: { actId: row.appeal.act_id, text: row.appeal.words, atMs: timeOfId(row.appeal.id) },
    }),
  };
}
