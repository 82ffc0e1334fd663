import { CommentOrder, type InteractionService } from "#contracts/gen/interaction_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { CommentStore } from "../comment-store.ts";
import { toComment } from "../present.ts";
import { isClosed, maxFlatPage, maxPage, parseCursor } from "../rules.ts";
import type { CommentRow } from "../tables.ts";

type Service = Handlers<typeof InteractionService>;

/** Larger than every count and floor. */
const aboveAll = "999999999999999999";
/** Comments and replies that were added since paging began: a list by heat counts them for each page. */
const maxSince = 10_000n;
const maxLatestVideos = 500;
const maxLatest = 20;

/** The RPCs that list comments. Those who may see a video may see its comments; this is checked on each request. */
export function commentLists(
  store: StoreFor<CommentStore>,
  video: Client<typeof VideoService, "getVideos">,
): Pick<Service, "listComments" | "listReplies" | "getLatestComments" | "getComment"> {
  async function requireVisible(videoId: string, call: Call): Promise<void> {
    const { videos } = isId(videoId) ? await video.getVideos({ ids: [videoId] }, call) : { videos: [] };
    if (videos.length === 0) throw refusal("VIDEO_NOT_FOUND");
  }

  /** One page, and the cursor of the next. */
  async function page(
    store: CommentStore,
    videoId: string,
    order: CommentOrder,
    cursor: string,
    asked: number,
    lastSequence: string,
  ): Promise<{ rows: CommentRow[]; next: string }> {
    if (order === CommentOrder.HEAT) {
      const [since, heat, floor] = parseCursor(cursor, 3) ?? [lastSequence, aboveAll, aboveAll];
      const least = BigInt(lastSequence) - maxSince;
      const asOf = BigInt(since!) < least ? String(least) : since!;
      const { rows, after } = await takePage(asked, maxPage, (limit) =>
        store.byHeat(videoId, { asOf, heat: heat!, floor: floor! }, limit),
      );
      return { rows, next: after ? `${asOf}-${after.heat}-${after.floor}` : "" };
    }
    const before = parseCursor(cursor, 1)?.[0];
    if (order === CommentOrder.FLAT) {
      const { rows, after } = await takePage(asked, maxFlatPage, (limit) =>
        store.flat(videoId, before, limit),
      );
      return { rows, next: after?.sequence ?? "" };
    }
    const { rows, after } = await takePage(asked, maxPage, (limit) => store.byTime(videoId, before, limit));
    return { rows, next: after?.floor ?? "" };
  }

  return {
    async listComments({ videoId, order, cursor, limit }, call) {
      await requireVisible(videoId, call);
      const own = store(call);
      const row = await own.video(videoId);
      if (!row) {
        parseCursor(cursor, order === CommentOrder.HEAT ? 3 : 1);
        return {};
      }
      if (row.removed) throw refusal("VIDEO_NOT_FOUND");
      const pinnedId = cursor === "" && order !== CommentOrder.FLAT ? row.pinned_id : null;
      const [{ rows, next }, pinned] = await Promise.all([
        page(own, videoId, order, cursor, limit, row.last_sequence),
        pinnedId === null ? undefined : own.comment(videoId, pinnedId),
      ]);
      return {
        comments: rows.map(toComment),
        next,
        ...(pinned && { pinned: toComment(pinned) }),
        closed: isClosed(row),
        upTo: Number(row.last_sequence),
      };
    },
    async getLatestComments({ videoIds }, call) {
      if (videoIds.length > maxLatestVideos)
        throw refusal("INVALID_ARGUMENT", `Ask for ${maxLatestVideos} videos at most.`);
      const rows = await store(call).latest([...new Set(videoIds.filter(isId))], maxLatest);
      return { comments: rows.map(toComment) };
    },
    async getComment({ videoId, commentId }, call) {
      await requireVisible(videoId, call);
      const own = store(call);
      const found = isId(commentId) ? await own.comment(videoId, commentId) : undefined;
      const comment = found?.root_id ? await own.comment(videoId, found.root_id) : found;
      if (!found || !comment) throw refusal("COMMENT_NOT_FOUND");
      return { comment: toComment(comment), ...(comment !== found && { reply: toComment(found) }) };
    },
    async listReplies({ videoId, commentId, cursor, limit: asked }, call) {
      const position = parseCursor(cursor, 1)?.[0];
      await requireVisible(videoId, call);
      const own = store(call);
      const root = isId(commentId) ? await own.comment(videoId, commentId) : undefined;
      if (!root || root.root_id !== null) throw refusal("COMMENT_NOT_FOUND");
      const { rows, after } = await takePage(asked, maxPage, (limit) =>
        own.replies(videoId, commentId, position, limit),
      );
      return { replies: rows.map(toComment), next: after?.floor ?? "" };
    },
  };
}
