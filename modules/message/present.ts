import { timeOfId } from "#platform/ids/snowflake.ts";
import type { MessageRow } from "./pairs.ts";

export function toMessage(row: MessageRow) {
  return {
    id: row.id,
    senderId: row.sender_id,
    receiverId: row.receiver_id,
    content: row.content,
    sentAtMs: timeOfId(row.id),
  };
}
