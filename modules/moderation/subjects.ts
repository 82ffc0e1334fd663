import { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { MessageService } from "#contracts/gen/message_pb.ts";
import type { Subject } from "#contracts/gen/moderation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { type SubjectKind, subjectKinds } from "#contracts/moderation-names.ts";
import { refusal } from "#contracts/reasons.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Clients } from "#platform/module/module.ts";
import type { Call } from "#platform/rpc/call.ts";
import { only } from "#platform/rpc/service.ts";
import type { Found } from "./status-rows.ts";

/** Whom the moderators ask what something is, and who enforces what they decide. */
export const owners = {
  user: only(UserService, "getUsers", "moderatePeople"),
  video: only(VideoService, "getVideos", "moderateVideos"),
  interaction: only(
    InteractionService,
    ...(["findComments", "moderateComments", "moderateVideoComments", "listReportedComments"] as const),
  ),
  message: only(
    MessageService,
    ...(["reportMessage", "judgeMessageReport", "listReportedMessages", "getGroupsForModerators"] as const),
    ...(["moderateMessages", "moderateGroups"] as const),
  ),
};
export type Owners = Clients<typeof owners>;

const notThere = {
  video: "VIDEO_NOT_FOUND",
  comment: "COMMENT_NOT_FOUND",
  user: "USER_NOT_FOUND",
  message: "MESSAGE_NOT_FOUND",
  group: "GROUP_NOT_FOUND",
} as const satisfies Record<SubjectKind, string>;

/** Errors: INVALID_ARGUMENT, and that there is no such thing. */
export function readSubject(subject: Subject | undefined): { kind: SubjectKind; id: string } {
  const kind = subjectKinds.find((name) => name === subject?.kind);
  if (!subject || !kind)
    throw refusal("INVALID_ARGUMENT", `subject.kind: one of ${subjectKinds.join(", ")}.`);
  if (!isId(subject.id)) throw refusal(notThere[kind]);
  return { kind, id: subject.id };
}

/**
 * What is known of a thing: as the caller may see it, or for moderators whatever is there. A message is known by its report
 * alone. Error: that there is no such thing.
 */
export async function findSubject(
  { user, video, interaction, message }: Owners,
  { kind, id }: { kind: SubjectKind; id: string },
  call: Call,
  forModerators: boolean,
): Promise<Found> {
  const found = async (): Promise<Omit<Found, "kind" | "id"> | undefined> => {
    switch (kind) {
      case "video": {
        const [one] = (await video.getVideos({ ids: [id], forModerators }, call)).videos;
        return one && { ownerId: one.authorId, videoId: id, kept: one.held };
      }
      case "comment": {
        const [one] = (await interaction.findComments({ commentIds: [id], forModerators }, call)).comments;
        return one && { ownerId: one.authorId, videoId: one.videoId };
      }
      case "user": {
        const [one] = (await user.getUsers({ ids: [id] }, call)).users;
        return one && { ownerId: one.id, videoId: null };
      }
      case "group": {
        const [one] = (await message.getGroupsForModerators({ groupIds: [id] }, call)).groups;
        return one && { ownerId: one.ownerId, videoId: null };
      }
      case "message":
        return undefined;
    }
  };
  const known = await found();
  if (!known) throw refusal(notThere[kind]);
  return { kind, id, ...known };
}
