import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { BlockStore } from "../block-store.ts";
import { checkBlocksOther } from "../rules.ts";
import { pageOf } from "./read.ts";

type Service = Handlers<typeof RelationService>;

export function blockHandlers(
  store: PerCall<BlockStore>,
  user: Client<typeof UserService, "getUsers">,
  ids: Ids,
): Pick<Service, "block" | "unblock" | "listBlocked"> {
  return {
    async block({ userId: blockedId }, call) {
      const blockerId = requireCaller(call);
      if (!isId(blockedId)) throw refusal("USER_NOT_FOUND");
      checkBlocksOther(blockerId, blockedId);
      const { users } = await user.getUsers({ ids: [blockedId] }, call);
      if (users.length === 0) throw refusal("USER_NOT_FOUND");
      return { changed: await store(call).block({ blockerId, blockedId, id: ids.next() }) };
    },
    async unblock({ userId: blockedId }, call) {
      const blockerId = requireCaller(call);
      return { changed: isId(blockedId) && (await store(call).unblock({ blockerId, blockedId })) };
    },
    listBlocked: (request, call) => pageOf(store(call).blocked, requireCaller(call), request),
  };
}
