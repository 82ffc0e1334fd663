import type { UserStats } from "#contracts/gen/interaction_pb.ts";
import { type Relation, Relationship } from "#contracts/gen/relation_pb.ts";
import type { User } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import type { OptionalPart } from "./optional-part.ts";
import type { PublicParts } from "./public-parts.ts";

/** A person with everything that the services know, for every API. */
export interface Person {
  user: User;
  works: number;
  /** Absent if the service cannot be asked. */
  likes: UserStats | undefined;
  relation: Omit<Relation, "$typeName"> | undefined;
}

/** Composes people from the answers of the services. `oneWay`: leaves out whether others follow the caller. */
export function createPeople(
  parts: PublicParts,
  { user, relation }: Pick<GatewayClients, "user" | "relation">,
  optional: OptionalPart,
  { oneWay }: { oneWay: boolean },
) {
  // For many callers at once.
  const standingsOf = coalesce(
    async (people: { userId: string; otherIds: string[] }[], call) =>
      (await relation.getStandings({ people, oneWay }, call)).standings,
  );

  /** Relationships and counts of followers. */
  async function relationsOf(userIds: string[], call: PublicCall) {
    const { callerId } = call;
    const [counts, standings] = await Promise.all([
      parts.follows(userIds, call),
      callerId === undefined ? undefined : standingsOf({ userId: callerId, otherIds: userIds }, call),
    ]);
    return (i: number): Person["relation"] => {
      const count = counts.get(userIds[i]!);
      const flags = standings?.[i] ?? 0;
      return (
        count && {
          userId: count.userId,
          following: count.following,
          followers: count.followers,
          followed: (flags & Relationship.FOLLOWS) > 0,
          followsCaller: (flags & Relationship.FOLLOWED_BY) > 0,
          blocked: (flags & Relationship.BLOCKS) > 0,
          blocksCaller: (flags & Relationship.BLOCKED_BY) > 0,
        }
      );
    };
  }

  /** Adds to people what the other services know; their records may still be loading. */
  async function compose(
    userIds: string[],
    users: Promise<(id: string) => User | undefined>,
    call: PublicCall,
  ): Promise<Person[]> {
    const [find, works, likes, relations] = await Promise.all([
      users,
      optional(call, "works", () => parts.works(userIds, call)),
      optional(call, "likes", () => parts.likes(userIds, call)),
      optional(call, "relations", () => relationsOf(userIds, call)),
    ]);
    return userIds.flatMap((id, i) => {
      const found = find(id);
      if (!found) return [];
      return [
        { user: found, works: works?.get(id)?.works ?? 0, likes: likes?.get(id), relation: relations?.(i) },
      ];
    });
  }

  /** A person may see more of their own record than others. */
  async function findUsers(ids: string[], call: PublicCall): Promise<(id: string) => User | undefined> {
    const own = ids.find((id) => id === call.callerId);
    const [others, self] = await Promise.all([
      parts.users(
        ids.filter((id) => id !== own),
        call,
      ),
      own === undefined ? undefined : user.getUsers({ ids: [own] }, call),
    ]);
    return (id) => (id === own ? self!.users[0] : others.get(id));
  }

  async function people(ids: string[], call: PublicCall): Promise<Person[]> {
    const wanted = [...new Set(ids)];
    return wanted.length === 0 ? [] : compose(wanted, findUsers(wanted, call), call);
  }

  async function requirePerson(id: string, call: PublicCall): Promise<void> {
    const find = await findUsers([id], call);
    if (!find(id)) throw refusal("USER_NOT_FOUND");
  }

  async function person(found: User, call: PublicCall): Promise<Person> {
    const users = Promise.resolve(() => found);
    const [one] = await compose([found.id], users, call);
    return one!;
  }

  return { people, person, requirePerson };
}
