import { commented, inboxesChanged, reacted } from "#contracts/events.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { HandlerContext } from "#platform/events/handler-transaction.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "./deliver.ts";
import type { ReaderOfAuthor } from "./inbox-rows.ts";
import type { FeedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

export const interestEvents = [reacted, commented] as const;
type InterestEvent = EventOf<(typeof interestEvents)[number]>;

/** Lets the authors deliver with whom capped readers interact. For everybody else there is nothing to do. */
export function projectInterests(store: FeedStore, relation: Client<typeof RelationService, "getStandings">) {
  return async (
    on: Transaction<Tables>,
    events: InterestEvent[],
    { emit, signal }: Pick<HandlerContext, "emit" | "signal">,
  ): Promise<void> => {
    const shown = events.flatMap(toInterest);
    if (shown.length === 0) return;
    const capped = await store.cappedReaders(on, [...new Set(shown.map(({ userId }) => userId))]);
    if (capped.size === 0) return;
    const people = [...capped].map((userId) => {
      const authorIds = shown.filter((one) => one.userId === userId).map((one) => one.authorId);
      return { userId, otherIds: [...new Set(authorIds)] };
    });
    const { standings } = await relation.getStandings({ people, oneWay: true }, systemCall({ signal }));
    const pairs = people.flatMap(({ userId, otherIds }, i) =>
      otherIds
        .filter((_, j) => standings[i]![j]! & Relationship.FOLLOWS)
        .map((authorId): ReaderOfAuthor => ({ userId, authorId })),
    );
    if (pairs.length === 0) return;
    await store.addSources(on, pairs);
    emit(inboxesChanged, { userIds: [...capped] });
  };
}

function toInterest(event: InterestEvent): ReaderOfAuthor[] {
  if (event.type === commented.name) {
    const { authorId: userId, videoAuthorId: authorId } = event.message;
    return userId === authorId ? [] : [{ userId, authorId }];
  }
  const { userId, authorId, now } = event.message;
  return now === 1 && userId !== authorId ? [{ userId, authorId }] : [];
}
