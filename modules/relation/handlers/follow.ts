import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import { coalesceById } from "#platform/rpc/coalesce.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { FollowCommand } from "../follow-rows.ts";
import type { FollowStore } from "../follow-store.ts";
import { checkNotSelf } from "../rules.ts";

type Service = Handlers<typeof RelationService>;

export function followHandlers(
  store: PerCall<FollowStore>,
  user: Client<typeof UserService, "getUsers">,
  ids: Ids,
): Pick<Service, "follow" | "unfollow"> {
  const usersOf = coalesceById(
    async (ids, shared) => (await user.getUsers({ ids }, shared)).users,
    ({ id }) => id,
  );
  const apply = createBatcher((commands: FollowCommand[], batch) => store(batch).apply(commands), {
    // The next batch runs while one is committed.
    parallel: 2,
    conflict: (command) => `${command.followerId} ${command.followeeId}`,
  });
  const change = async (command: FollowCommand, call: ServedCall) => {
    const changed = await apply({ ...command, traceId: call.traceId }, call);
    if (changed instanceof DomainError) throw changed;
    return { changed };
  };
  return {
    async follow({ userId: followeeId }, call) {
      const followerId = requireCaller(call);
      if (!isId(followeeId)) throw refusal("USER_NOT_FOUND");
      checkNotSelf(followerId, followeeId);
      const users = await usersOf([followeeId], call);
      if (!users.has(followeeId)) throw refusal("USER_NOT_FOUND");
      return change({ followerId, followeeId, id: ids.next() }, call);
    },
    async unfollow({ userId: followeeId }, call) {
      const followerId = requireCaller(call);
      if (!isId(followeeId)) return { changed: false };
      return change({ followerId, followeeId, id: undefined }, call);
    },
  };
}
