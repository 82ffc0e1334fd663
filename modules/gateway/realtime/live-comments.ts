import type { Comment } from "#contracts/gen/interaction_pb.ts";
import { Relationship } from "#contracts/gen/relation_pb.ts";
import { toApiComment } from "../api/present.ts";
import type { Composer } from "../composition/composer.ts";
import type { Person } from "../composition/people.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { portions, portionsBy } from "./batches.ts";
import type { LiveWatcher } from "./live-watcher.ts";

/** Of one person and another, of whom it is asked how they stand. */
export const pairsInQuestion = 2_000;
const peopleInQuestion = 500;

/** New comments for one who watches. */
interface FreshComments {
  watcher: LiveWatcher;
  comments: readonly Comment[];
}

/**
 * Comments as each watcher is shown them, without those of people with whom there is a block. However many watch, it
 * asks once for the people, and once who stands how to whom.
 */
export function createLiveComments(
  relation: Pick<GatewayClients["relation"], "getStandings">,
  composer: Pick<Composer, "people">,
  call: (more?: Partial<PublicCall>) => PublicCall,
) {
  return async function present(all: readonly FreshComments[], asOf: number): Promise<object[][]> {
    const wanted = all.map(({ watcher: { userId }, comments }) => ({
      userId,
      otherIds: [
        ...new Set(
          comments.flatMap(({ authorId, replyToUserId }) => [authorId, replyToUserId]).filter(Boolean),
        ),
      ],
    }));
    const people = new Map<string, Person>();
    for (const ids of portions([...new Set(wanted.flatMap(({ otherIds }) => otherIds))], peopleInQuestion))
      for (const person of await composer.people(ids, call({ asOf }))) people.set(person.user.id, person);
    const standings: ArrayLike<number>[] = [];
    for (const some of portionsBy(wanted, pairsInQuestion, ({ otherIds }) => otherIds.length))
      standings.push(...(await relation.getStandings({ people: some }, call())).standings);
    return all.map(({ watcher, comments }, i) => {
      const seen = new Map(
        wanted[i]!.otherIds.flatMap((id, j) => {
          const person = people.get(id);
          const flags = standings[i]?.[j] ?? 0;
          // Nobody can hide from a moderator by blocking them.
          const isHidden =
            flags & Relationship.BLOCKS || (flags & Relationship.BLOCKED_BY && !watcher.moderator);
          return person && !isHidden ? [[id, asSeen(person, flags)] as const] : [];
        }),
      );
      return comments.flatMap((comment) => toApiComment(comment, seen, watcher.urls) ?? []);
    });
  };
}

function asSeen(person: Person, flags: number): Person {
  const { relation } = person;
  const followed = (flags & Relationship.FOLLOWS) > 0;
  const followsCaller = (flags & Relationship.FOLLOWED_BY) > 0;
  return { ...person, relation: relation && { ...relation, followed, followsCaller } };
}
