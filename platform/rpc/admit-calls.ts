import { Metadata, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { type Admission, type AdmissionRequest, openAdmission } from "../protect/admission.ts";
import { tellLine } from "./admission-line.ts";
import { chanceAsker, priorities, priorityRank } from "./call.ts";
import type { LoadReport } from "./load-report.ts";
import { toStatus } from "./status.ts";

/**
 * Lets calls in, by their headers: what is refused is neither read nor decoded. Callers learn from each answer what
 * would be turned away, and how much there is to do. `admissions` are those of the methods, by path.
 */
export function admitCalls(options: {
  admissions: ReadonlyMap<string, Admission>;
  load: LoadReport;
}): ServerInterceptor {
  const { admissions, load } = options;
  return ({ path }, call) => {
    const admission = admissions.get(path) ?? openAdmission;
    let request: AdmissionRequest | undefined;
    let over = false;
    const end = () => {
      if (over || !request) return;
      over = true;
      load.ended();
      admission.leave(request);
    };
    const tell = (metadata: Metadata | null | undefined): Metadata => {
      const told = metadata ?? new Metadata();
      told.merge(load.trailers());
      tellLine(told, admission.line());
      return told;
    };

    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(headers, goOn) {
            const asked = requestOf(headers);
            request = asked;
            load.begun();
            admission.enter(asked, (refused) => {
              if (!refused) return goOn(headers);
              end();
              const status = toStatus(refused);
              call.sendStatus({ ...status, metadata: tell(status.metadata) });
            });
          },
          // Of every call, whichever way it ended.
          onCancel: end,
        }),
      sendStatus(status, next) {
        end();
        next({ ...status, metadata: tell(status.metadata) });
      },
    });
  };
}

function requestOf(headers: Metadata): AdmissionRequest {
  const text = (key: string) => headers.get(key)[0]?.toString() ?? "";
  const priority = priorities.find((one) => one === text("douya-priority"));
  // Processes of an earlier version name no asker.
  return { priority: priorityRank(priority), asker: text("douya-asker") || chanceAsker() };
}
