import { randomBytes } from "node:crypto";
import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall, StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { isId, timeOfId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { GroupEntranceStore } from "../group-entrance-store.ts";
import type { GroupLists } from "../group-lists.ts";
import { invitationMs, maxLinkHours, maxLinkUses, maxListed, requireAdmin } from "../group-rules.ts";
import type { InvitationLists } from "../invitations.ts";
import { toGroup } from "../present.ts";
import { blockOf, readCursor } from "../rules.ts";
import { checkGroupId } from "./groups.ts";

type Service = Handlers<typeof MessageService>;
type Names =
  | "makeGroupLink"
  | "getGroupLink"
  | "revokeGroupLink"
  | "findGroupByLink"
  | "joinByLink"
  | "listInvitations"
  | "answerInvitation"
  | "listGroupInvitations"
  | "withdrawInvitation";

const codeBytes = 12;
const isCode = (code: string) => /^[\w-]{16}$/.test(code);

/** Links and invitations, by which people come into groups. */
export function groupEntranceHandlers(
  store: PerCall<GroupEntranceStore>,
  lists: StoreFor<GroupLists>,
  invitations: StoreFor<InvitationLists>,
  relation: Client<typeof RelationService, "getRelations">,
): Pick<Service, Names> {
  return {
    async makeGroupLink({ groupId, maxUses, hours }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      if (maxUses < 1 || maxUses > maxLinkUses)
        throw refusal("INVALID_ARGUMENT", `maxUses: must be 1 to ${maxLinkUses}.`);
      if (hours < 1 || hours > maxLinkHours)
        throw refusal("INVALID_ARGUMENT", `hours: must be 1 to ${maxLinkHours}.`);
      const code = randomBytes(codeBytes).toString("base64url");
      const expiresAtMs = Date.now() + hours * 3_600_000;
      await store(call).makeLink(groupId, callerId, { code, maxUses, expiresAtMs });
      return { code, uses: 0, maxUses, expiresAtMs, makerId: callerId };
    },
    async getGroupLink({ groupId }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      const found = await lists(call).link(groupId, callerId);
      if (!found) throw refusal("NOT_IN_GROUP");
      requireAdmin(found.role);
      const { code, uses, max_uses: maxUses, expires_at_ms, maker_id } = found;
      const expiresAtMs = Number(expires_at_ms);
      return code ? { link: { code, uses, maxUses, expiresAtMs, makerId: maker_id ?? "" } } : {};
    },
    async revokeGroupLink({ groupId }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      await store(call).revokeLink(groupId, callerId);
      return {};
    },
    async findGroupByLink({ code }, { callerId = "0", ...call }) {
      const found = isCode(code) ? await lists(call).byLink(code, callerId) : undefined;
      if (!found) throw refusal("LINK_NOT_FOUND");
      const { id, name, members, face_ids: faceIds, joined } = found;
      return { id, name, members, faceIds, joined };
    },
    async joinByLink({ code }, call) {
      const callerId = requireCaller(call);
      const found = isCode(code) ? await lists(call).byLink(code, callerId) : undefined;
      if (!found) throw refusal("LINK_NOT_FOUND");
      await store(call).join(found.id, callerId, code);
      const [group] = await lists(call).groups(callerId, [found.id]);
      if (!group) throw refusal("NOT_IN_GROUP");
      return toGroup(group);
    },
    async listInvitations({ before, limit }, call) {
      const position = readCursor(before);
      const { rows, after } = await takePage(limit, maxListed, (count) =>
        invitations(call).listed(requireCaller(call), position, count),
      );
      const found = rows.map((row) => ({
        groupId: row.group_id,
        groupName: row.name,
        members: row.members,
        inviterId: row.inviter_id,
      }));
      return { invitations: found, next: after?.id ?? "" };
    },
    async answerInvitation({ groupId, accepted }, call) {
      const callerId = requireCaller(call);
      if (!isId(groupId)) throw refusal("INVITATION_NOT_FOUND");
      const inviterId = await invitations(call).inviter(groupId, callerId);
      if (inviterId === undefined) {
        const isIn = (await lists(call).groups(callerId, [groupId])).length > 0;
        if (accepted && !isIn) throw refusal("INVITATION_NOT_FOUND");
        return {};
      }
      if (accepted) {
        // Best effort, as with sending.
        const { relations } = await relation.getRelations({ userIds: [inviterId] }, call);
        const [theirs] = relations;
        if (theirs && blockOf({ blocked: theirs.blocked, blockedBy: theirs.blocksCaller }))
          throw refusal("INVITATION_NOT_FOUND");
      }
      await store(call).answer(groupId, callerId, accepted);
      return {};
    },
    async listGroupInvitations({ groupId, before, limit }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      const [group] = await lists(call).groups(callerId, [groupId]);
      if (!group) throw refusal("NOT_IN_GROUP");
      requireAdmin(group.role);
      const position = readCursor(before);
      const { rows, after } = await takePage(limit, maxListed, (count) =>
        invitations(call).given(groupId, position, count),
      );
      const given = rows.map(({ id, user_id: userId, inviter_id: inviterId }) => ({
        userId,
        inviterId,
        expiresAtMs: timeOfId(id) + invitationMs,
      }));
      return { invitations: given, next: after?.id ?? "" };
    },
    async withdrawInvitation({ groupId, userId }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      if (isId(userId)) await store(call).withdraw(groupId, callerId, userId);
      return {};
    },
  };
}
