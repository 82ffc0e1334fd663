import { ModerationService } from "#contracts/gen/moderation_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { readOwnData } from "#platform/export/read-own-data.ts";
import { defineModule } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import type { Call } from "#platform/rpc/call.ts";
import { callController } from "#platform/rpc/call.ts";
import { actStore } from "./act-store.ts";
import { consumeActs, consumeGone } from "./consumers.ts";
import { takeEarlierReports } from "./earlier-reports.ts";
import { enforce } from "./enforce.ts";
import { act } from "./handlers/act.ts";
import { actHandlers } from "./handlers/acts.ts";
import { queueHandlers } from "./handlers/queue.ts";
import { report } from "./handlers/report.ts";
import { migrations } from "./migrations.ts";
import { ownData } from "./own-data-store.ts";
import { reportStore } from "./report-store.ts";
import { statusStore } from "./status-store.ts";
import { owners } from "./subjects.ts";
import type { Tables } from "./tables.ts";

/** What has an end in time lasts so much longer at most. */
const expireEveryMs = 5_000;

/** Processes of an earlier release may run beside this one. */
const takeEarlierEveryMs = 600_000;

/** Reports of everything that people show, what moderators do about it, and how each thing stands with them. */
export const moderationModule = defineModule<object, Tables>()({
  name: "moderation",
  service: ModerationService,
  calls: owners,
  migrations,
  ownData,
  async start({ db, clients, ids, events, security, log }) {
    const acts = perCall(db, (until) => actStore(until, events, ids));
    const reports = perCall(db, reportStore);
    const statuses = perCall(db, statusStore);
    const enforceLate = async (subjectIds: readonly string[], call: Call) => {
      const served = { ...call, signal: call.signal ?? callController().signal };
      const late = await acts(served).late(subjectIds);
      if (late.length === 0) return;
      await enforce(clients, late, (messageIds) => reports(served).judgedEvidence(messageIds), call);
      await acts(served).setEnforced(late);
    };
    const enforcing = consumeActs(events, enforceLate);
    const gone = consumeGone(events, reports);
    const stopExpiry = repeatEvery(
      expireEveryMs,
      (stopping) => acts.lasting.expire(Date.now(), stopping),
      (error) => log.warn({ err: error }, "could not end what moderators had set a time for"),
    );
    const stopTaking = repeatEvery(
      takeEarlierEveryMs,
      (stopping) => takeEarlierReports(clients, reports.lasting, stopping),
      (error) => log.debug({ err: error }, "could not take over reports of an earlier release"),
    );
    return {
      handlers: {
        readOwnData: readOwnData(
          ownData,
          perCall(db, (until) => until),
        ),
        report: report(clients, reports, ids),
        ...queueHandlers(reports, acts),
        act: act(clients, acts, statuses, enforceLate, security),
        ...actHandlers(acts, reports, ids),
      },
      async stop() {
        await stopExpiry();
        await stopTaking();
        await enforcing.stop();
        await gone.stop();
      },
    };
  },
});
