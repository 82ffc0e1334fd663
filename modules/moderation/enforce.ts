import { Reach as VideoReach } from "#contracts/gen/video_pb.ts";
import type { SubjectKind } from "#contracts/moderation-names.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { StatusRow } from "./status-rows.ts";
import type { Owners } from "./subjects.ts";

const reaches = { full: VideoReach.FULL, restricted: VideoReach.RESTRICTED, down: VideoReach.DOWN } as const;

/**
 * Tells those who enforce it how these subjects stand now. They ignore what is older than what they know, so this may be
 * repeated and come in any order. `evidenceOf`: what is kept of messages for reports that are judged.
 */
export async function enforce(
  { user, video, interaction, message }: Owners,
  rows: readonly StatusRow[],
  evidenceOf: (subjectIds: readonly string[]) => Promise<string[]>,
  call: Call,
): Promise<void> {
  const of = (kind: SubjectKind) => rows.filter((row) => row.kind === kind);
  const tell = <T>(standings: T[], act: (standings: T[]) => Promise<unknown>) =>
    standings.length > 0 ? act(standings) : undefined;
  const isDown = ({ reach }: StatusRow) => reach === "down";
  await Promise.all([
    tell(
      of("video").map((row) => ({
        ...{ videoId: row.subject_id, version: row.last_act, held: row.kept, reach: reaches[row.reach] },
      })),
      (standings) => video.moderateVideos({ standings }, call),
    ),
    tell(
      of("video").map((row) => ({
        ...{ videoId: row.subject_id, authorId: row.owner_id, version: row.last_act },
        locked: Number(row.locked_until_ms) > 0,
      })),
      (standings) => interaction.moderateVideoComments({ standings }, call),
    ),
    tell(
      of("comment").map((row) => ({
        ...{
          commentId: row.subject_id,
          videoId: row.video_id ?? "",
          version: row.last_act,
          down: isDown(row),
        },
      })),
      (standings) => interaction.moderateComments({ standings }, call),
    ),
    tell(
      of("user").map((row) => ({
        ...{ userId: row.subject_id, version: row.last_act, profileResetVersion: row.profile_reset },
        mutedUntilMs: Number(row.muted_until_ms),
        suspendedUntilMs: Number(row.suspended_until_ms),
      })),
      (standings) => user.moderatePeople({ standings }, call),
    ),
    tell(
      of("message").map((row) => ({
        ...{ messageId: row.subject_id, senderId: row.owner_id, version: row.last_act, down: isDown(row) },
      })),
      (standings) => message.moderateMessages({ standings }, call),
    ),
    tell(
      of("group").map((row) => ({ groupId: row.subject_id, version: row.last_act, down: isDown(row) })),
      (standings) => message.moderateGroups({ standings }, call),
    ),
  ]);
  const messages = of("message").map((row) => row.subject_id);
  if (messages.length === 0) return;
  for (const id of await evidenceOf(messages))
    await message
      .judgeMessageReport({ id, reason: "" }, { ...call, callerId: call.callerId ?? "0", moderator: true })
      .catch((error: unknown) => {
        if (!(error instanceof DomainError && error.reason === "NOT_FOUND")) throw error;
      });
}
