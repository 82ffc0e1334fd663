import type { ListMessagesRequest, MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { idAtTime, isId, maxId } from "#platform/ids/snowflake.ts";
import { type Call, requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { GroupLists } from "../group-lists.ts";
import type { MessageRow } from "../message-row.ts";
import type { NotificationStore } from "../notifications/notification-store.ts";
import type { Pair } from "../pairs.ts";
import { toGroup, toMessage } from "../present.ts";
import { maxConversations, maxMessages, readCursor } from "../rules.ts";
import type { MessageStore, Range } from "../store.ts";

type Service = Handlers<typeof MessageService>;

export function readHandlers(
  store: StoreFor<MessageStore>,
  lists: StoreFor<GroupLists>,
  notifications: StoreFor<Pick<NotificationStore, "unseen">>,
  relation: Client<typeof RelationService, "getRelations">,
): Pick<Service, "listMessages" | "listConversations" | "getLatest" | "countUnread"> {
  const latest = createBatcher((pairs: Pair[], batch) => store(batch).latest(pairs), { maxBatch: 2000 });
  const unread = createBatcher((userIds: string[], batch) => store(batch).unread(userIds));
  const unseen = createBatcher((userIds: string[], batch) => notifications(batch).unseen(userIds));
  /** Where there is a block, neither learns what the other reads; nor while nobody can tell. */
  async function mayKnow(peerId: string, call: Call): Promise<boolean> {
    const [known] = await relation.getRelations({ userIds: [peerId] }, call).then(
      ({ relations }) => relations,
      () => [],
    );
    return known !== undefined && !known.blocked && !known.blocksCaller;
  }
  return {
    async listMessages(request, call) {
      const userId = requireCaller(call);
      if (!isId(request.peerId)) return {};
      const range = rangeOf(request);
      // A page ends at the message farthest from the position, and is shown oldest first.
      const inOrder = (rows: MessageRow[]) => ("beforeId" in range ? rows.toReversed() : rows);
      const pair = { userId, peerId: request.peerId };
      const [{ rows, after }, { muted, peer_read_id }] = await Promise.all([
        takePage(request.limit, maxMessages, async (limit) =>
          inOrder(await store(call).messages(pair, range, limit)),
        ),
        store(call).standing(pair),
      ]);
      const isNewest = "beforeId" in range && range.beforeId === newest;
      const told = isNewest && peer_read_id !== null && (await mayKnow(pair.peerId, call));
      return {
        messages: inOrder(rows).map(toMessage),
        more: after !== undefined,
        ...{ muted, peerReadUpToId: told ? peer_read_id : "" },
      };
    },
    async listConversations(request, call) {
      const userId = requireCaller(call);
      const before = readCursor(request.before);
      const { rows, after } = await takePage(request.limit, maxConversations, (limit) =>
        store(call).conversations(userId, before, limit),
      );
      const ids = rows.flatMap((row) => (row.in_group ? [row.peer_id] : []));
      const seen = ids.length > 0 ? await lists(call).groups(userId, ids) : [];
      const groups = new Map(seen.map((row) => [row.id, toGroup(row)]));
      const conversations = rows.map((row) => ({
        peerId: row.peer_id,
        latest: toMessage(row),
        unread: row.unread,
        mentions: row.mentioned,
        readUpToId: row.read_id === "0" ? "" : row.read_id,
        muted: row.muted,
        group: groups.get(row.peer_id),
      }));
      return { conversations, next: after?.last_id ?? "" };
    },
    async getLatest({ peerIds }, call) {
      const userId = requireCaller(call);
      const found = peerIds.filter(isId).map(async (peerId) => {
        const row = await latest({ userId, peerId }, call);
        return row ? [{ peerId, message: toMessage(row) }] : [];
      });
      return { latest: (await Promise.all(found)).flat() };
    },
    async countUnread(_request, call) {
      const userId = requireCaller(call);
      const [messages, news] = await Promise.all([unread(userId, call), unseen(userId, call)]);
      return { unread: messages, notifications: news };
    },
  };
}

const newest = maxId.toString();

function rangeOf({ beforeId, afterId, afterMs }: ListMessagesRequest): Range {
  if (isId(beforeId)) return { beforeId };
  if (isId(afterId)) return { afterId };
  if (afterMs > 0) return { afterId: lastIdOf(afterMs) };
  return { beforeId: newest };
}

/** The last id of a millisecond. */
function lastIdOf(ms: number): string {
  const next = idAtTime(Math.floor(ms) + 1) - 1n;
  return (next < 0n ? 0n : next > maxId ? maxId : next).toString();
}
