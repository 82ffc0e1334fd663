import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import { readIdCursor } from "#contracts/id-cursor.ts";
import { createBatcher, createListBatcher } from "#platform/db/batcher.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { idOrZero, isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { RelationshipStore } from "../relationship-store.ts";

type Service = Handlers<typeof RelationService>;

/** Large enough that a delivery needs few pages. */
const maxPage = 10_000;

export function getRelations(store: StoreFor<RelationshipStore>): Service["getRelations"] {
  const stats = createListBatcher(
    async (ids, batch) => new Map((await store(batch).stats(ids)).map((row) => [row.user_id, row])),
  );
  const relationships = createBatcher(
    async (asked: Pair[][], batch) => eachItsOwn(asked, await store(batch).relationships(asked.flat())),
    { maxBatch: 50 },
  );
  return async (request, call) => {
    const { callerId } = call;
    const userIds = request.userIds.filter(isId);
    const [counts, flags] = await Promise.all([
      stats(userIds, call),
      callerId === undefined
        ? []
        : relationships(
            userIds.map((otherId) => ({ userId: callerId, otherId })),
            call,
          ),
    ]);
    const relations = userIds.map((userId, i) => ({
      userId,
      following: Number(counts.get(userId)?.following ?? 0),
      followers: Number(counts.get(userId)?.followers ?? 0),
      followed: (flags[i]! & Relationship.FOLLOWS) > 0,
      followsCaller: (flags[i]! & Relationship.FOLLOWED_BY) > 0,
      blocked: (flags[i]! & Relationship.BLOCKS) > 0,
      blocksCaller: (flags[i]! & Relationship.BLOCKED_BY) > 0,
    }));
    return { relations };
  };
}

export function getStandings(store: StoreFor<RelationshipStore>): Service["getStandings"] {
  return async ({ people, oneWay, withPeaceful }, call) => {
    // Malformed ids get an empty answer and do not affect the others.
    const asked = people.map(({ userId, otherIds }) =>
      otherIds.map((otherId) => ({ userId: idOrZero(userId), otherId: idOrZero(otherId) })),
    );
    const [flags, peacefulIds] = await Promise.all([
      store(call).relationships(asked.flat(), { oneWay }),
      withPeaceful
        ? store(call).peaceful([...new Set(people.flatMap(({ otherIds }) => otherIds).filter(isId))])
        : [],
    ]);
    return { standings: eachItsOwn(asked, flags).map((own) => Uint8Array.from(own)), peacefulIds };
  };
}

interface Pair {
  userId: string;
  otherId: string;
}

/** Cuts an answer to many into the answers of each. */
function eachItsOwn<T>(asked: unknown[][], answers: T[]): T[][] {
  let end = 0;
  return asked.map(({ length }) => {
    end += length;
    return answers.slice(end - length, end);
  });
}

type Rows = (
  userId: string,
  before: string | undefined,
  limit: number,
) => Promise<{ id: string; user_id: string }[]>;

/** A list handler over one of the store's lists. */
export function listBy<List extends string>(
  store: StoreFor<Record<List, Rows>>,
  list: List,
): Service["listFollowing"] {
  return async (request, call) =>
    isId(request.userId) ? pageOf(store(call)[list], request.userId, request) : {};
}

/** A page of somebody's list, and where the next one starts. Error: CURSOR_INVALID. */
export async function pageOf(rows: Rows, userId: string, asked: { before: string; limit: number }) {
  const before = readIdCursor(asked.before);
  const page = await takePage(asked.limit, maxPage, (limit) => rows(userId, before, limit));
  return { userIds: page.rows.map((row) => row.user_id), next: page.after?.id ?? "" };
}
