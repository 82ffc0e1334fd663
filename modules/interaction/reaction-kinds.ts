import { Reaction } from "#contracts/gen/interaction_pb.ts";

/** The kinds of reaction, and their numbers in the table `reaction` and in `interaction.reacted.v1`; 0 is none. */
const stored = { [Reaction.LIKE]: 1, [Reaction.DISLIKE]: -1 } as const satisfies Partial<
  Record<Reaction, number>
>;

export type StoredKind = (typeof stored)[keyof typeof stored];
export type StoredReaction = StoredKind | 0;

export const storedKinds: readonly StoredKind[] = Object.values(stored);

/** Undefined for a number that is no kind. */
export function storedReactionOf(reaction: Reaction): StoredKind | undefined {
  return (stored as Partial<Record<Reaction, StoredKind>>)[reaction];
}

const reactions = new Map(
  Object.entries(stored).map(([reaction, number]) => [number as number, Number(reaction)]),
);

export function reactionOf(number: StoredReaction): Reaction {
  return reactions.get(number) ?? Reaction.UNSPECIFIED;
}
