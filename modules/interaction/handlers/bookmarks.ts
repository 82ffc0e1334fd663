import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { BookmarkCommand, BookmarkStore } from "../bookmark-store.ts";
import type { PublishedVideos } from "../published-videos.ts";
import { maxPage } from "../rules.ts";
import { takeBack } from "../take-back.ts";

type Service = Handlers<typeof InteractionService>;

/** What people keep to find it again. */
export function bookmarkHandlers(
  store: PerCall<BookmarkStore>,
  videos: PublishedVideos,
  ids: Ids,
): Pick<Service, "setBookmark" | "listBookmarks"> {
  const apply = createBatcher((commands: BookmarkCommand[], batch) => store(batch).apply(commands), {
    parallel: 2,
    conflict: ({ videoId, userId }) => `${videoId} ${userId}`,
  });
  return {
    async setBookmark({ videoId, kept }, call) {
      const userId = requireCaller(call);
      const command = { videoId, userId, kept, id: ids.next(), traceId: call.traceId };
      if (!kept) return { changed: await takeBack(command, apply, videos, call) };
      await videos.ensureRow(videoId, call);
      const changed = await apply(command, call);
      if (changed instanceof DomainError) throw changed;
      if (changed === undefined) throw refusal("VIDEO_NOT_FOUND");
      return { changed };
    },
    async listBookmarks({ before, limit: asked }, call) {
      const userId = requireCaller(call);
      const { rows, after } = await takePage(asked, maxPage, (limit) =>
        store.reading(call).list(userId, isId(before) ? before : undefined, limit),
      );
      return { videoIds: rows.map((row) => row.video_id), next: after?.id ?? "" };
    },
  };
}
