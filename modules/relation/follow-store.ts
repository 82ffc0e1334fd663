import { sql } from "kysely";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import { relationFollowed, relationUnfollowed } from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { followLists } from "./follow-lists.ts";
import {
  type Counted,
  changeFollows,
  count,
  type FollowCommand,
  type Pair,
  pairKey,
  removeFollows,
} from "./follow-rows.ts";
import { followBlocked, followsTooMany, maxFollowing } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** The SQL of following and unfollowing. */
export function followStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    ...followLists(db),
    /**
     * Applies many commands in one transaction with facts, counts and events. Returns for each whether it changed
     * anything, or a refusal. No two may be about the same pair.
     */
    async apply(commands: FollowCommand[]): Promise<(boolean | DomainError)[]> {
      return events.transaction(db, async (transaction, emit) => {
        const follows = commands.filter((command) => command.id !== undefined);
        const unfollows = commands.filter((command) => command.id === undefined);
        const { inserted, removed } = await changeFollows(transaction, follows, unfollows);
        const refused =
          follows.length > 0 ? await findRefused(transaction, follows) : new Map<string, DomainError>();
        refuseTooMany(inserted, refused);
        await takeBack(
          transaction,
          inserted.filter((pair) => refused.has(pairKey(pair))),
        );
        const added = inserted.filter((pair) => !refused.has(pairKey(pair)));
        const traces = new Map(commands.map((command) => [keyOf(command), command.traceId]));
        for (const pair of added) {
          const { follower_id: followerId, followee_id: followeeId, id: followId } = pair;
          const followed = { followerId, followeeId, followId, atMs: timeOfId(followId) };
          emit(relationFollowed, followed, traces.get(pairKey(pair)));
        }
        for (const pair of removed) {
          const { follower_id: followerId, followee_id: followeeId, id: followId } = pair;
          const unfollowed = { followerId, followeeId, followId, atMs: Date.now() };
          emit(relationUnfollowed, unfollowed, traces.get(pairKey(pair)));
        }
        const changed = new Set([...added, ...removed].map(pairKey));
        return commands.map((command) => {
          const key = keyOf(command);
          return refused.get(key) ?? changed.has(key);
        });
      });
    },
  };
}

export type FollowStore = ReturnType<typeof followStore>;

const keyOf = ({ followerId, followeeId }: FollowCommand): string => `${followerId} ${followeeId}`;

/**
 * Which of these follows a block or a deletion forbids; gives refusals by pair. Ask when the counts are locked, as
 * blocking and erasing lock them too: either they are visible here, or they see this follow.
 */
async function findRefused(
  on: Queryable<Tables>,
  commands: FollowCommand[],
): Promise<Map<string, DomainError>> {
  const { rows } = await sql<{ follower_id: string; followee_id: string; own: boolean; gone: string | null }>`
    select w.follower_id, w.followee_id, bool_or(b.own) as own, max(b.gone) as gone
    from unnest(${commands.map((command) => command.followerId)}::int8[], ${commands.map((command) => command.followeeId)}::int8[])
      as w(follower_id, followee_id)
    cross join lateral (
      select true as own, null::int8 as gone from relation.block where blocker_id = w.follower_id and blocked_id = w.followee_id
      union all
      select false, null from relation.block where blocker_id = w.followee_id and blocked_id = w.follower_id
      union all
      select false, user_id from relation.stats where user_id in (w.follower_id, w.followee_id) and gone
    ) b
    group by 1, 2`.execute(on);
  return new Map(
    rows.map((row) => {
      if (row.gone === null) return [pairKey(row), followBlocked(row.own)];
      return [pairKey(row), row.gone === row.follower_id ? accountDeleted() : refusal("USER_NOT_FOUND")];
    }),
  );
}

/** Refuses the new follows beyond the limit. Follows refused already do not count. */
function refuseTooMany(inserted: Counted[], refused: Map<string, DomainError>): void {
  const following = new Map(inserted.map((row) => [row.follower_id, Number(row.following)]));
  const takenBack = ({ follower_id: id }: Pair) => following.set(id, following.get(id)! - 1);
  for (const row of inserted) if (refused.has(pairKey(row))) takenBack(row);
  for (const row of inserted) {
    if (following.get(row.follower_id)! <= maxFollowing || refused.has(pairKey(row))) continue;
    refused.set(pairKey(row), followsTooMany());
    takenBack(row);
  }
}

async function takeBack(on: Queryable<Tables>, pairs: Pair[]): Promise<void> {
  if (pairs.length === 0) return;
  await removeFollows(
    on,
    pairs.map((pair) => ({ followerId: pair.follower_id, followeeId: pair.followee_id })),
  );
  await count(
    on,
    pairs.map((pair) => ({ ...pair, change: -1 })),
  );
}
