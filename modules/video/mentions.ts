import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";
import { mentionedNames } from "#platform/text/entities.ts";

/** Ids of people by the key of their user name. */
export type Mentions = Record<string, string>;

/**
 * The people whom texts mention, as they are called now: a name that somebody takes later leads nowhere, and so does that
 * of who blocks the caller.
 */
export function findMentions(
  user: Client<typeof UserService, "findUsers">,
  relation: Client<typeof RelationService, "getStandings">,
) {
  return async (texts: string[], call: Call): Promise<Mentions> => {
    const nameKeys = mentionedNames(...texts);
    if (nameKeys.length === 0) return {};
    const { users } = await user.findUsers({ nameKeys }, call);
    if (users.length === 0 || call.callerId === undefined) return {};
    const people = [{ userId: call.callerId, otherIds: users.map(({ userId }) => userId) }];
    const [standings] = (await relation.getStandings({ people, oneWay: true }, call)).standings;
    const willing = users.filter((_, at) => ((standings?.[at] ?? 0) & Relationship.BLOCKED_BY) === 0);
    return Object.fromEntries(willing.map(({ nameKey, userId }) => [nameKey, userId]));
  };
}

export type FindMentions = ReturnType<typeof findMentions>;

/** Those that are in the texts. */
export function mentionsIn(mentions: Mentions, ...texts: string[]): Mentions {
  return Object.fromEntries(
    mentionedNames(...texts).flatMap((name) =>
      Object.hasOwn(mentions, name) ? [[name, mentions[name]!]] : [],
    ),
  );
}
