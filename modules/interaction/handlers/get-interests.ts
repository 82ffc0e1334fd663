import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { FindInterests } from "../interest-store.ts";

export function getInterests(
  find: StoreFor<FindInterests>,
): Handlers<typeof InteractionService>["getInterests"] {
  const authors = createBatcher((userIds: string[], batch) => find(batch)(userIds), { maxBatch: 50 });
  return async ({ userIds }, call) => ({
    interests: await Promise.all(
      userIds.filter(isId).map(async (userId) => ({ userId, authorIds: await authors(userId, call) })),
    ),
  });
}
