import type { UserService } from "#contracts/gen/user_pb.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";
import { mentionedNames } from "#platform/text/entities.ts";

/** Ids of people by the key of their user name. */
export type Mentions = Record<string, string>;

/** The people whom texts mention, as they are called now: a name that somebody takes later leads nowhere. */
export function findMentions(user: Client<typeof UserService, "findUsers">) {
  return async (texts: string[], call: Call): Promise<Mentions> => {
    const nameKeys = mentionedNames(...texts);
    if (nameKeys.length === 0) return {};
    const { users } = await user.findUsers({ nameKeys }, call);
    return Object.fromEntries(users.map(({ nameKey, userId }) => [nameKey, userId]));
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
