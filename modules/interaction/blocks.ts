import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";

/** Whether the author of a video blocks a person. */
export type AuthorBlocks = (authorId: string, userId: string, call: Call) => Promise<boolean>;

/**
 * Concurrent questions share a call. Best effort: blocks belong to relation, so a block made after the answer does
 * not stop this action.
 */
export function askBlocks(relation: Client<typeof RelationService, "getStandings">): AuthorBlocks {
  const ask = coalesce(async (people: { userId: string; otherIds: string[] }[], call) =>
    (await relation.getStandings({ people, oneWay: true }, call)).standings.map(
      ([flags]) => (flags! & Relationship.BLOCKED_BY) > 0,
    ),
  );
  return async (authorId, userId, call) => authorId !== userId && ask({ userId, otherIds: [authorId] }, call);
}
