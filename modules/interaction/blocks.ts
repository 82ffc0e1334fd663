import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { Caches } from "#platform/cache/caches.ts";
import type { Validity } from "#platform/cache/validity.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Client } from "#platform/rpc/service.ts";
import { maxAgeMs } from "./act-validity.ts";

/** Who made a video; `asOf` as in `FoundVideo`. */
interface Author {
  authorId: string;
  asOf?: number | undefined;
}

/** Whether the author of a video blocks a person. */
export type AuthorBlocks = (author: Author, userId: string, call: Call) => Promise<boolean>;

/** Most authors block nobody. */
const maxPeaceful = 100_000;

/**
 * Concurrent questions share a call; of an author who blocks nobody there is none. Best effort: blocks belong to
 * relation, so a block made after the answer does not stop this action.
 */
export function askBlocks(
  relation: Client<typeof RelationService, "getStandings">,
  validity: Validity,
  caches: Pick<Caches, "validatedEntries">,
): AuthorBlocks {
  const peaceful = caches.validatedEntries<true>("people who block nobody", {
    validity,
    max: maxPeaceful,
    maxAgeMs,
  });
  const ask = coalesce(async (people: { userId: string; otherIds: [string] }[], call) => {
    const answer = await relation.getStandings({ people, oneWay: true, withPeaceful: true }, call);
    const peacefulIds = new Set(answer.peacefulIds);
    return answer.standings.map(([flags], i) => ({
      blocked: (flags! & Relationship.BLOCKED_BY) > 0,
      // A process of an earlier release says it of nobody.
      peaceful: peacefulIds.has(people[i]!.otherIds[0]),
    }));
  });
  return async ({ authorId, asOf }, userId, call) => {
    if (authorId === userId) return false;
    let blocked = false;
    const look = async () => {
      const answer = await ask({ userId, otherIds: [authorId] }, call);
      blocked = answer.blocked;
      return new Map(answer.peaceful ? [[authorId, true as const]] : []);
    };
    if (asOf === undefined) await look();
    else await peaceful.getMany("", [authorId], asOf, look);
    return blocked;
  };
}
