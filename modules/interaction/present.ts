import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CommentSchema } from "#contracts/gen/interaction_pb.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import type { CommentRow } from "./tables.ts";

/** For anybody: without the text of what was taken down. */
export const toComment = (row: CommentRow) => toModeratedComment(row.down ? { ...row, text: "" } : row);

export function toModeratedComment(row: CommentRow): MessageInitShape<typeof CommentSchema> {
  return {
    id: row.id,
    videoId: row.video_id,
    authorId: row.author_id,
    text: row.text,
    floor: Number(row.floor),
    rootId: row.root_id ?? "",
    replyToUserId: row.reply_to_user_id ?? "",
    replies: Number(row.replies),
    createdAtMs: timeOfId(row.id),
    sequence: Number(row.sequence),
    takenDown: row.down,
  };
}
