import type { ModerationService } from "#contracts/gen/moderation_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isAwayOrBusy } from "#platform/errors/domain-error.ts";
import { type Call, requireModerator } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import type { ActStore } from "../act-store.ts";
import { toDone } from "../present.ts";
import { checkAct, checkWords } from "../rules.ts";
import type { StatusStore } from "../status-store.ts";
import { findSubject, type Owners, readSubject } from "../subjects.ts";
import { readReason } from "./report.ts";

const maxSubjects = 100;
const batchForm = /^[\w-]{1,64}$/;

/** What a moderator does: written down first, then enforced, which is repeated until it has been. */
export function act(
  owners: Owners,
  acts: PerCall<ActStore>,
  statuses: PerCall<StatusStore>,
  enforceLate: (subjectIds: readonly string[], call: Call) => Promise<void>,
  security: SecurityLog,
): Handlers<typeof ModerationService>["act"] {
  return async (request, call) => {
    const actorId = requireModerator(call);
    if (request.subjects.length === 0 || request.subjects.length > maxSubjects)
      throw refusal("INVALID_ARGUMENT", `subjects: 1 to ${maxSubjects}.`);
    if (request.batchId && !batchForm.test(request.batchId))
      throw refusal("INVALID_ARGUMENT", "batchId: up to 64 letters, digits, - and _.");
    const named = [...new Map(request.subjects.map(readSubject).map((one) => [one.id, one])).values()];
    const untilMs = request.untilMs === 0 ? null : request.untilMs;
    const checked = named.map(({ kind }) => checkAct(kind, request.act, untilMs, Date.now()));
    const reason = request.reason ? readReason(request.reason) : "";
    const [note, words] = [checkWords(request.note), checkWords(request.text)];
    // A message is known by its report alone, and what is gone can still be let go.
    const byReport = named.filter(({ kind }) => kind === "message" || request.act === "dismiss");
    const known = new Map(
      (await statuses(call).byIds(byReport.map(({ id }) => id))).map((one) => [one.id, one]),
    );
    // Asked at once, so that questions to one owner are merged.
    const subjects = await Promise.all(
      named.map((one) => known.get(one.id) ?? findSubject(owners, one, call, true)),
    );
    for (const [i, found] of subjects.entries()) {
      const one = named[i]!;
      if (found.kind !== one.kind) throw refusal("ACT_INVALID", `subject: ${one.id} is a ${found.kind}.`);
      if (found.ownerId === actorId) throw refusal("MODERATES_OWN");
    }
    const made = { act: checked[0]!, actorId, reason, note, words, untilMs } as const;
    const done = await acts(call).add(subjects, {
      ...made,
      ...(request.batchId && { batchId: request.batchId }),
    });
    await Promise.all(
      done.map(({ kind, subject_id: id }) =>
        security.write({ kind: "moderated", actorId, subject: `${request.act} ${kind} ${id}`, reason: note }),
      ),
    );
    const enforced = await enforceLate(
      named.map(({ id }) => id),
      call,
    ).then(
      () => true,
      (error: unknown) => {
        if (isAwayOrBusy(error)) return false;
        throw error;
      },
    );
    return { acts: done.map(toDone), batchId: done[0]!.batch_id, enforced };
  };
}
