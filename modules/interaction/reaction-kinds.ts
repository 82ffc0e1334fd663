import { Reaction } from "#contracts/gen/interaction_pb.ts";

/** reaction-store.ts sends each reaction as one digit, its number plus one. */
type Sendable = -1 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** The kinds of reaction, and their numbers in the table `reaction` and in `interaction.reacted.v1`; 0 is none. */
const stored = { [Reaction.LIKE]: 1, [Reaction.DISLIKE]: -1 } as const satisfies Partial<
  Record<Reaction, Sendable>
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
