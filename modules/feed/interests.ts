import { commented, inboxesChanged, reacted } from "#contracts/events.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { ConsumeOptions } from "#platform/events/consumer/consumer.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import type { ReaderOfAuthor } from "./inbox-rows.ts";
import { namedOrAll } from "./rules.ts";
import type { FeedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

export const interestEvents = [reacted, commented] as const;
type InterestEvent = EventOf<(typeof interestEvents)[number]>;

/** Authors who should deliver to capped readers, with these readers. */
type Interests = ReaderOfAuthor[];

/** Lets authors deliver to the capped readers who interact with them. Other readers need nothing. */
export function projectInterests(
  store: FeedStore,
  relation: Client<typeof RelationService, "getStandings">,
): Pick<ConsumeOptions<Tables, (typeof interestEvents)[number], Interests>, "prepare" | "handle"> {
  return {
    async prepare(events, { signal }) {
      const shown = events.flatMap(toInterest);
      if (shown.length === 0) return [];
      const capped = await store.cappedReaders([...new Set(shown.map(({ userId }) => userId))]);
      if (capped.size === 0) return [];
      const people = [...capped].map((userId) => {
        const authorIds = shown.filter((one) => one.userId === userId).map((one) => one.authorId);
        return { userId, otherIds: [...new Set(authorIds)] };
      });
      const call = systemCall({ traceId: events[0]!.traceId, signal });
      const { standings } = await relation.getStandings({ people, oneWay: true }, call);
      return people.flatMap(({ userId, otherIds }, i) =>
        otherIds
          .filter((_, j) => standings[i]![j]! & Relationship.FOLLOWS)
          .map((authorId) => ({ userId, authorId })),
      );
    },
    async handle(on, _events, { emit, prepared: interests }) {
      if (interests.length === 0) return;
      await store.addSources(on, interests);
      emit(inboxesChanged, namedOrAll(new Set(interests.map(({ userId }) => userId))));
    },
  };
}

/** Likes do, by their number in the event; interaction answers for the past by the same rule (interest-store.ts). */
const showsInterest = (reaction: number) => reaction === 1;

function toInterest(event: InterestEvent): ReaderOfAuthor[] {
  if (event.type === commented.name) {
    const { authorId: userId, videoAuthorId: authorId } = event.message;
    return userId === authorId ? [] : [{ userId, authorId }];
  }
  const { userId, authorId, now } = event.message;
  return showsInterest(now) && userId !== authorId ? [{ userId, authorId }] : [];
}
