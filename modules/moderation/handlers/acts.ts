import type { ModerationService } from "#contracts/gen/moderation_pb.ts";
import { readIdCursor } from "#contracts/id-cursor.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { requireCaller, requireModerator } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ActStore, ActsAsked } from "../act-store.ts";
import { toDone, toOwnDone } from "../present.ts";
import type { ReportStore } from "../report-store.ts";
import { checkWords, untold, upholds } from "../rules.ts";
import { readSubject } from "../subjects.ts";

type Service = Handlers<typeof ModerationService>;

const maxPage = 100;

/** What was done: for moderators all of it, for others what concerns them, about which they may say something once. */
export function actHandlers(
  acts: PerCall<ActStore>,
  reports: PerCall<ReportStore>,
  ids: Ids,
): Pick<Service, "listActs" | "listOwnActs" | "appeal"> {
  return {
    async listActs({ subject, ownerId, actorId, act, words, cursor, limit: asked }, call) {
      requireModerator(call);
      const wanted: ActsAsked = {
        ...(subject && { subjectId: readSubject(subject).id }),
        ...(isId(ownerId) && { ownerId }),
        ...(isId(actorId) && { actorId }),
        ...(act && { act }),
        ...(words && { words }),
      };
      const before = readIdCursor(cursor);
      const { rows, after } = await takePage(asked, maxPage, (limit) =>
        acts(call).list(wanted, before, limit),
      );
      return { acts: rows.map(toDone), next: after?.id ?? "" };
    },
    async listOwnActs({ cursor, limit: asked }, call) {
      const ownerId = requireCaller(call);
      const before = readIdCursor(cursor);
      const { rows, after } = await takePage(asked, maxPage, (limit) =>
        acts(call).list({ ownerId, but: untold }, before, limit),
      );
      const said = await reports(call).appealsOf(
        ownerId,
        rows.map((row) => row.id),
      );
      const appeals = new Map(said.map((one) => [one.act_id, one.words]));
      return {
        acts: rows.map((row) => {
          const appeal = appeals.get(row.id);
          return toOwnDone(row, {
            appealable: appeal === undefined && upholds(row.act),
            appeal: appeal ?? "",
          });
        }),
        next: after?.id ?? "",
      };
    },
    async appeal({ actId, text }, call) {
      const ownerId = requireCaller(call);
      const words = checkWords(text);
      if (words === "") throw refusal("REPORT_INVALID", "Say why it should be looked at again.");
      const [row] = isId(actId)
        ? await acts(call).list({ ownerId, id: actId }, undefined, 1)
        : await acts(call).list({ ownerId, act: "suspend" }, undefined, 1);
      if (!row || !upholds(row.act)) throw refusal("NOT_FOUND");
      const subject = { kind: row.kind, id: row.subject_id, ownerId, videoId: row.video_id };
      await reports(call).appeal(subject, { id: ids.next(), actId: row.id, words });
      return {};
    },
  };
}
