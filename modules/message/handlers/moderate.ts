import type { MessageService } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ActStore } from "../act-store.ts";
import type { GroupModerationStore } from "../group-moderation-store.ts";
import { checkModerated } from "../rules.ts";

type Service = Handlers<typeof MessageService>;

/** What the moderation module asks. What moderators decide was checked there. */
export function moderationHandlers(
  acts: PerCall<Pick<ActStore, "takeDown">>,
  groups: PerCall<GroupModerationStore>,
  reached: (heads: TimelineHead[]) => void,
): Pick<Service, "moderateMessages" | "moderateGroups" | "getGroupsForModerators"> {
  return {
    async moderateMessages({ standings }, call) {
      checkModerated(standings);
      if (!standings.every((one) => isId(one.messageId) && isId(one.senderId) && isId(one.version)))
        throw refusal("INVALID_ARGUMENT", "A standing names a message, its sender and a version.");
      for (const { messageId, senderId, version, down } of standings)
        if (down) reached(await acts(call).takeDown(senderId, messageId, version));
      return {};
    },
    async moderateGroups({ standings }, call) {
      checkModerated(standings);
      if (!standings.every((one) => isId(one.groupId) && isId(one.version)))
        throw refusal("INVALID_ARGUMENT", "A standing names a group and a version.");
      for (const standing of standings) await groups(call).moderate(standing);
      return {};
    },
    async getGroupsForModerators({ groupIds }, call) {
      checkModerated(groupIds);
      const found = await groups(call).groups(groupIds.filter(isId));
      return {
        groups: found.map(({ owner_id: ownerId, face_ids: faceIds, down: takenDown, ...group }) => ({
          ...{ ...group, ownerId, faceIds, takenDown },
        })),
      };
    },
  };
}
