import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";

/** Pairs that are asked for together. */
const maxBatch = 500;

/** How one person stands to another; what is asked for at the same time is one question. */
export function standingOf(relation: Client<typeof RelationService, "getStandings">) {
  return coalesce(
    async (people: { userId: string; otherIds: [string] }[], call) =>
      (await relation.getStandings({ people }, call)).standings.map(([flags]) => flags!),
    { maxBatch },
  );
}
