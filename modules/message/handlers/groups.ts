import type { MessageInitShape } from "@bufbuild/protobuf";
import { GroupRole, type GroupWithAddedSchema, type MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall, StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { checkIdempotencyKey } from "#platform/text/idempotency-key.ts";
import type { GroupLists } from "../group-lists.ts";
import {
  checkAnnouncement,
  checkGroupName,
  groupFull,
  maxListed,
  maxMembers,
  maxMuteMinutes,
} from "../group-rules.ts";
import type { Added, Brought, GroupStore } from "../group-store.ts";
import { toGroup } from "../present.ts";

type Service = Handlers<typeof MessageService>;
type Names =
  | "createGroup"
  | "getGroups"
  | "listMembers"
  | "changeGroup"
  | "addMembers"
  | "removeMember"
  | "setRole"
  | "muteMember";

/** Groups and who is in them. */
export function groupHandlers(
  store: PerCall<GroupStore>,
  lists: StoreFor<GroupLists>,
  user: Client<typeof UserService, "getUsers">,
  relation: Client<typeof RelationService, "getRelations">,
): Pick<Service, Names> {
  /** Friends come in and others are asked; there may be reasons against some. Best effort, as in `send`. */
  async function sorted(userIds: readonly string[], call: ServedCall) {
    const callerId = requireCaller(call);
    const ids = [...new Set(userIds)].filter((id) => id !== callerId);
    if (ids.length >= maxMembers) throw groupFull();
    const brought = { friends: [] as string[], others: [] as string[] };
    const notAdded: { userId: string; reason: string }[] = [];
    if (ids.length === 0) return { brought, notAdded };
    const known = ids.filter(isId);
    const [{ users }, { relations }] = await Promise.all([
      user.getUsers({ ids: known }, call),
      relation.getRelations({ userIds: known }, call),
    ]);
    const there = new Set(users.map(({ id }) => id));
    const relationOf = new Map(relations.map((one) => [one.userId, one]));
    for (const userId of ids) {
      const relation = relationOf.get(userId);
      if (!there.has(userId)) notAdded.push({ userId, reason: "USER_NOT_FOUND" });
      else if (relation?.blocked) notAdded.push({ userId, reason: "USER_BLOCKED" });
      else if (relation?.blocksCaller) notAdded.push({ userId, reason: "BLOCKED_BY_USER" });
      else if (relation?.followed && relation.followsCaller) brought.friends.push(userId);
      else brought.others.push(userId);
    }
    return { brought, notAdded };
  }

  /** Error: NOT_IN_GROUP. */
  async function groupOf(groupId: string, call: ServedCall) {
    const [found] = await lists(call).groups(requireCaller(call), [groupId]);
    if (!found) throw refusal("NOT_IN_GROUP");
    return toGroup(found);
  }

  async function bring(
    userIds: readonly string[],
    call: ServedCall,
    act: (brought: Brought) => Promise<Added>,
  ): Promise<MessageInitShape<typeof GroupWithAddedSchema>> {
    const { brought, notAdded } = await sorted(userIds, call);
    const { groupId, added, invited, refused, full } = await act(brought);
    return {
      group: await groupOf(groupId, call),
      addedIds: added,
      invitedIds: invited,
      notAdded: [
        ...notAdded,
        ...full.map((userId) => ({ userId, reason: "GROUPS_TOO_MANY" })),
        ...refused.map((userId) => ({ userId, reason: "INVITATIONS_TOO_MANY" })),
      ],
    };
  }

  return {
    createGroup: async ({ name, memberIds, idempotencyKey }, call) => {
      const callerId = requireCaller(call);
      const checked = checkGroupName(name);
      const key = checkIdempotencyKey(idempotencyKey);
      return bring(memberIds, call, (brought) => store(call).create(callerId, checked, brought, key));
    },
    addMembers: async ({ groupId, userIds }, call) => {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      return bring(userIds, call, (brought) => store(call).add(groupId, callerId, brought));
    },
    async getGroups({ ids }, call) {
      const found = await lists(call).groups(requireCaller(call), ids.filter(isId).slice(0, maxListed));
      return { groups: found.map(toGroup) };
    },
    async listMembers({ groupId, after, limit }, call) {
      const userId = requireCaller(call);
      checkGroupId(groupId);
      const position = readPosition(after);
      const page = await takePage(limit, maxListed, (rows) =>
        lists(call).members(groupId, userId, position, rows),
      );
      // Everybody sees at least themselves.
      if (page.rows.length === 0 && after === "") throw refusal("NOT_IN_GROUP");
      const members = page.rows.map((row) => ({
        userId: row.user_id,
        role: row.role,
        silentUntilMs: Number(row.silent_until_ms) > Date.now() ? Number(row.silent_until_ms) : 0,
        readUpToId: row.read_id === "0" ? "" : row.read_id,
      }));
      const last = page.after;
      return { members, next: last ? `${last.role}-${last.joined_id}-${last.user_id}` : "" };
    },
    async changeGroup({ groupId, name, announcement, showsLatest }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      await store(call).change(groupId, callerId, {
        name: name === undefined ? undefined : checkGroupName(name),
        announcement: announcement === undefined ? undefined : checkAnnouncement(announcement),
        showsLatest,
      });
      return groupOf(groupId, call);
    },
    async removeMember({ groupId, userId }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      if (isId(userId)) await store(call).remove(groupId, callerId, userId);
      return {};
    },
    async setRole({ groupId, userId, role }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      if (!isId(userId)) throw refusal("MEMBER_NOT_FOUND");
      if (!(role in GroupRole) || role === GroupRole.UNSPECIFIED)
        throw refusal("INVALID_ARGUMENT", "role: must be one that there is.");
      await store(call).setRole(groupId, callerId, userId, role);
      return {};
    },
    async muteMember({ groupId, userId, minutes }, call) {
      const callerId = requireCaller(call);
      checkGroupId(groupId);
      if (!isId(userId)) throw refusal("MEMBER_NOT_FOUND");
      if (minutes > maxMuteMinutes)
        throw refusal("INVALID_ARGUMENT", `minutes: must be at most ${maxMuteMinutes}.`);
      const untilMs = minutes === 0 ? 0 : Date.now() + minutes * 60_000;
      await store(call).silence(groupId, callerId, userId, untilMs);
      return {};
    },
  };
}

/** What is no id is no group. */
export function checkGroupId(groupId: string): void {
  if (!isId(groupId)) throw refusal("NOT_IN_GROUP");
}

/** Before the first: above any role. */
const start: [string, string, string] = [String(GroupRole.OWNER + 1), "0", "0"];

function readPosition(text: string): [string, string, string] {
  const [, role, joined, user] = /^([1-3])-(\d{1,19})-(\d{1,19})$/.exec(text) ?? [];
  if (role && joined && user && (isId(joined) || joined === "0") && isId(user)) return [role, joined, user];
  if (text === "") return start;
  throw refusal("CURSOR_INVALID");
}
