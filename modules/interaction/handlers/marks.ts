import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { Visibility } from "#contracts/gen/video_pb.ts";
import { readIdCursor } from "#contracts/id-cursor.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { AuthorBlocks } from "../blocks.ts";
import type { MarkCommand, MarkStore } from "../mark-store.ts";
import type { PublishedVideos } from "../published-videos.ts";
import { blockedByAuthor, maxPage } from "../rules.ts";
import { takeBack } from "../take-back.ts";

type Service = Handlers<typeof InteractionService>;

/** What people keep to find it again, and what they repost. */
export function markHandlers(
  { bookmarks, reposts }: { bookmarks: PerCall<MarkStore>; reposts: PerCall<MarkStore> },
  videos: PublishedVideos,
  blocks: AuthorBlocks,
  ids: Ids,
): Pick<Service, "setBookmark" | "listBookmarks" | "setRepost" | "listReposts"> {
  function setter(store: PerCall<MarkStore>, check: (videoId: string, call: ServedCall) => Promise<unknown>) {
    const apply = createBatcher((commands: MarkCommand[], batch) => store(batch).apply(commands), {
      parallel: 2,
      conflict: ({ videoId, userId }) => `${videoId} ${userId}`,
    });
    return async (videoId: string, marked: boolean, call: ServedCall) => {
      const userId = requireCaller(call);
      const command = { videoId, userId, marked, id: ids.next(), traceId: call.traceId };
      if (!marked) return { changed: await takeBack(command, apply, videos, call) };
      await check(videoId, call);
      const changed = await apply(command, call);
      if (changed instanceof DomainError) throw changed;
      if (changed === undefined) throw refusal("VIDEO_NOT_FOUND");
      return { changed };
    };
  }
  const setBookmark = setter(bookmarks, videos.find);
  const setRepost = setter(reposts, async (videoId, call) => {
    const { authorId, visibility } = await videos.ensureRow(videoId, call);
    const userId = requireCaller(call);
    if (authorId === userId) throw refusal("REPOSTS_OWN");
    if (visibility > Visibility.PUBLIC) throw refusal("REPOSTS_PUBLIC_ONLY");
    if (await blocks({ authorId }, userId, call)) throw blockedByAuthor("reposts");
  });

  async function list(
    store: PerCall<MarkStore>,
    userId: string,
    page: { before: string; limit: number },
    call: ServedCall,
  ) {
    const before = readIdCursor(page.before);
    const { rows, after } = await takePage(page.limit, maxPage, (limit) =>
      store.reading(call).list(userId, before, limit),
    );
    return { videoIds: rows.map((row) => row.video_id), next: after?.id ?? "" };
  }

  return {
    setBookmark: ({ videoId, kept }, call) => setBookmark(videoId, kept, call),
    listBookmarks: (request, call) => list(bookmarks, requireCaller(call), request, call),
    setRepost: ({ videoId, reposted }, call) => setRepost(videoId, reposted, call),
    listReposts: async (request, call) =>
      isId(request.userId) ? list(reposts, request.userId, request, call) : {},
  };
}
