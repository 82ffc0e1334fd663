import { areBlocked, areFriends } from "#contracts/friends.ts";
import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { PerCall, StoreFor } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { GroupLists } from "../group-lists.ts";
import type { PresenceStore } from "../presence-store.ts";
import { maxPairs, maxTyping, maySeePresence, maySeeTyping, type Standing } from "../rules.ts";

type Service = Handlers<typeof MessageService>;
type Call = Parameters<Service["findHidden"]>[1];

export function presenceHandlers(
  store: PerCall<PresenceStore>,
  groups: StoreFor<Pick<GroupLists, "typingAudiences">>,
  relation: Client<typeof RelationService, "getStandings">,
  reached: (heads: TimelineHead[]) => void,
): Pick<Service, "getWatchable" | "getTypingAudiences" | "findHidden" | "hidePresence"> {
  /** Of each person to each of the others, in their order. */
  async function standings(
    people: readonly { userId: string; otherIds: string[] }[],
    call: Call,
  ): Promise<Standing[][]> {
    const pairs = people.flatMap(({ userId, otherIds }) => otherIds.map((peerId) => ({ userId, peerId })));
    if (pairs.length === 0) return people.map(() => []);
    const [known, { standings }] = await Promise.all([
      store.reading(call).standings(pairs),
      relation.getStandings({ people: [...people] }, call),
    ]);
    let next = 0;
    return people.map(({ otherIds }, i) =>
      otherIds.map((_, j) => {
        const flags = standings[i]?.[j] ?? 0;
        return { ...known[next++]!, friends: areFriends(flags), blocked: areBlocked(flags) };
      }),
    );
  }

  return {
    async getWatchable({ people }, call) {
      const count = people.reduce((sum, { otherIds }) => sum + otherIds.length, 0);
      checkCount(count, maxPairs);
      checkIds(people.flatMap(({ userId, otherIds }) => [userId, ...otherIds]));
      const all = await standings(people, call);
      return { watchable: all.map((own) => Uint8Array.from(own, (one) => Number(maySeePresence(one)))) };
    },
    async getTypingAudiences({ typing }, call) {
      checkCount(typing.length, maxTyping);
      checkIds(typing.flatMap(({ userId, conversationId }) => [userId, conversationId]));
      const people = typing.map(({ userId, conversationId }) => ({ userId, otherIds: [conversationId] }));
      const pairs = typing.map(({ userId, conversationId }) => ({ userId, peerId: conversationId }));
      const [all, inGroups] = await Promise.all([
        standings(people, call),
        pairs.length > 0 ? groups(call).typingAudiences(pairs) : [],
      ]);
      return {
        audiences: all.map(([standing], i) => {
          // Who writes is here.
          if (standing?.hides) return { userIds: [] };
          return { userIds: standing && maySeeTyping(standing) ? [pairs[i]!.peerId] : inGroups[i]! };
        }),
      };
    },
    async findHidden({ userIds }, call) {
      checkCount(userIds.length, maxPairs);
      checkIds(userIds);
      return { userIds: await store.reading(call).hidden(userIds) };
    },
    async hidePresence({ hidden }, call) {
      reached(await store(call).hide(requireCaller(call), hidden));
      return {};
    },
  };
}

function checkCount(count: number, max: number): void {
  if (count > max) throw refusal("INVALID_ARGUMENT", `Ask for ${max} at most.`);
}

function checkIds(ids: readonly string[]): void {
  if (!ids.every(isId)) throw refusal("INVALID_ARGUMENT", "People are named by their ids.");
}
