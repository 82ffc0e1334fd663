import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { HotStore } from "../hot-store.ts";
import { maxHotUsers } from "../rules.ts";

/** A request during a reading waits for the next reading, so its answer is no older than the request. */
export function listHotUsers(store: StoreFor<HotStore>): Handlers<typeof RelationService>["listHotUsers"] {
  const read = createBatcher(async (limits: number[], batch) => {
    const top = await store(batch).top(Math.max(...limits));
    return limits.map((limit) => top.slice(0, limit));
  });
  return async ({ limit }, call) => ({ users: await read(Math.min(limit, maxHotUsers), call) });
}
