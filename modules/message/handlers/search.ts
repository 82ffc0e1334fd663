import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { toMessage } from "../present.ts";
import { checkSearch, maxFound, readCursor } from "../rules.ts";
import type { SearchStore } from "../search-store.ts";

export function searchMessages(
  store: StoreFor<SearchStore>,
): Handlers<typeof MessageService>["searchMessages"] {
  return async (request, call) => {
    const userId = requireCaller(call);
    const text = checkSearch(request.text);
    const before = readCursor(request.before);
    const { rows, after } = await takePage(request.limit, maxFound, (limit) =>
      store(call).search(userId, text, before, limit),
    );
    return { messages: rows.map(toMessage), next: after?.id ?? "" };
  };
}
