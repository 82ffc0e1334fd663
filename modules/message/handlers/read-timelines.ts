import type { MessageService } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { toEntry } from "../present.ts";
import { maxMessages, maxPositions } from "../rules.ts";
import type { TimelineStore } from "../timeline-store.ts";

export function readTimelines(
  store: PerCall<TimelineStore>,
): Handlers<typeof MessageService>["readTimelines"] {
  return async ({ after }, call) => {
    if (after.length > maxPositions || !after.every(({ userId }) => isId(userId)))
      throw refusal("INVALID_ARGUMENT", `Ask for ${maxPositions} people at most, each by id.`);
    if (after.length === 0) return {};
    // What is no epoch or no number is no position: one that the database refuses would fail for all who ask with it.
    const positions = after.map(({ userId, epoch, seq }) =>
      isEpoch(epoch) && isSeq(seq) ? { userId, epoch, seq } : { userId, epoch: "", seq: "0" },
    );
    const limit = Math.floor(maxMessages / positions.length);
    const timelines = await store(call).after(positions, limit);
    return { timelines: timelines.map((one) => ({ ...one, entries: one.entries.map(toEntry) })) };
  };
}

const isEpoch = (epoch: string) => /^[\w.-]{0,64}$/.test(epoch);

function isSeq(seq: string): boolean {
  return seq === "0" || isId(seq);
}
