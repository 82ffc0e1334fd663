import { CommentOrder, type InteractionService } from "#contracts/gen/interaction_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { CommentStore } from "../comment-store.ts";
import { toComment } from "../present.ts";
import { maxFlatPage, maxPage, parseCursor } from "../rules.ts";
import type { CommentRow } from "../tables.ts";

type Service = Handlers<typeof InteractionService>;

/** Higher than every count and floor. */
const aboveAll = "999999999999999999";

/** Everything that shows comments. Who may see a video may see its comments; whether they may is asked each time. */
export function commentLists(
  store: PerCall<CommentStore>,
  video: Client<typeof VideoService, "getVideos">,
): Pick<Service, "listComments" | "listReplies"> {
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
    limit: number,
    lastSequence: string,
  ): Promise<{ rows: CommentRow[]; next: string }> {
    if (order === CommentOrder.HEAT) {
      const [asOf, heat, floor] = parseCursor(cursor, 3) ?? [lastSequence, aboveAll, aboveAll];
      const rows = await store.byHeat(videoId, { asOf: asOf!, heat: heat!, floor: floor! }, limit + 1);
      return cut(rows, limit, (last) => `${asOf}-${last.heat}-${last.floor}`);
    }
    const before = parseCursor(cursor, 1)?.[0];
    if (order === CommentOrder.FLAT)
      return cut(await store.flat(videoId, before, limit + 1), limit, (last) => last.sequence);
    return cut(await store.byTime(videoId, before, limit + 1), limit, (last) => last.floor);
  }

  return {
    async listComments({ videoId, order, cursor, limit: asked }, call) {
      const limit = Math.min(asked, order === CommentOrder.FLAT ? maxFlatPage : maxPage);
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
        closed: row.closed,
      };
    },
    async listReplies({ videoId, commentId, cursor, limit: asked }, call) {
      const limit = Math.min(asked, maxPage);
      const after = parseCursor(cursor, 1)?.[0];
      await requireVisible(videoId, call);
      const own = store(call);
      const root = isId(commentId) ? await own.comment(videoId, commentId) : undefined;
      if (!root || root.root_id !== null) throw refusal("COMMENT_NOT_FOUND");
      const { rows, next } = cut(
        await own.replies(videoId, commentId, after, limit + 1),
        limit,
        (last) => last.floor,
      );
      return { replies: rows.map(toComment), next };
    },
  };
}

/** The first `limit` rows, and where to go on if there are more. */
function cut<R>(rows: R[], limit: number, cursorOf: (last: R) => string): { rows: R[]; next: string } {
  const page = rows.slice(0, limit);
  return { rows: page, next: rows.length > limit ? cursorOf(page.at(-1)!) : "" };
}
