import type { ModerationService } from "#contracts/gen/moderation_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { requireModerator } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ActStore } from "../act-store.ts";
import { toQueueItem } from "../present.ts";
import type { QueuePlace, ReportStore } from "../report-store.ts";
import { claimMs } from "../rules.ts";
import { readSubject } from "../subjects.ts";

type Service = Handlers<typeof ModerationService>;

const maxPage = 50;
/** Of each owner, beside what waits. */
const maxBefore = 5;
const cursorForm = /^([1-9]\d{0,18})-(\d{1,6}(?:\.\d{1,20})?)$/;

/** What waits for moderators, and who looks at it. */
export function queueHandlers(
  reports: PerCall<ReportStore>,
  acts: PerCall<ActStore>,
): Pick<Service, "listQueue" | "claim"> {
  return {
    async listQueue({ kind, byWeight, cursor, limit: asked }, call) {
      requireModerator(call);
      const place = cursor === "" ? undefined : readCursor(cursor);
      const { rows, after } = await takePage(asked, maxPage, (limit) =>
        reports(call).queue({ kind, byWeight }, place, limit),
      );
      const before = await acts(call).latestOf(
        rows.map((row) => row.owner_id),
        maxBefore,
      );
      return {
        items: rows.map((row) =>
          toQueueItem(
            row,
            before.filter((one) => one.owner_id === row.owner_id),
          ),
        ),
        next: after ? `${after.waiting_since}-${after.weight}` : "",
      };
    },
    async claim({ subject, release }, call) {
      const moderatorId = requireModerator(call);
      const { id } = readSubject(subject);
      await reports(call).claim(id, moderatorId, release ? null : Date.now() + claimMs);
      return {};
    },
  };
}

/** Error: CURSOR_INVALID. */
function readCursor(cursor: string): QueuePlace {
  const [, since, weight] = cursorForm.exec(cursor) ?? [];
  if (!since || !weight) throw refusal("CURSOR_INVALID");
  return { since, weight: Number(weight) };
}
