import { Relationship } from "./gen/relation_pb.ts";

/** Whether two people are friends, by the standing of one to the other: each follows the other, and neither blocks. */
export function areFriends(standing: number): boolean {
  const { FOLLOWS, FOLLOWED_BY, BLOCKS, BLOCKED_BY } = Relationship;
  return (standing & (FOLLOWS | FOLLOWED_BY | BLOCKS | BLOCKED_BY)) === (FOLLOWS | FOLLOWED_BY);
}

/** Whether one of two people blocks the other, by the standing of one to the other. */
export function areBlocked(standing: number): boolean {
  return (standing & (Relationship.BLOCKS | Relationship.BLOCKED_BY)) > 0;
}
