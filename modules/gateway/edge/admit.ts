import type { FastifyInstance, FastifyRequest } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import type { AdmissionRequest } from "#platform/protect/admission.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { priorities } from "#platform/rpc/call.ts";
import type { Auth } from "./auth.ts";
import { askerOfRequest, bearerToken } from "./request-call.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Its place, from when it asked for one. */
    admission?: AdmissionRequest;
  }
}

/** Lets requests in, as many as can be answered in time. */
export interface Admit {
  /** Turns away requests under overload before anything else is done for them; to be called before other hooks are added. */
  guard(app: FastifyInstance): void;
  /**
   * To be called when the request is here in full and its sender is known: who sends slowly, or is slowed, holds no
   * place. Errors: OVERLOADED, CALLER_GONE.
   */
  enter(request: FastifyRequest): Promise<void>;
  /** Has the requests of these routes give their places back with their answers. */
  watch(app: FastifyInstance): void;
}

/** One admission for all routes of this process. */
export function createAdmit(protect: Pick<Protection, "admission">, auth: Pick<Auth, "userOf">): Admit {
  const admission = protect.admission("edge");

  /** Undefined for what is not counted: files, passwords and what waits take long whatever the load is. */
  function placeOf(request: FastifyRequest, person?: string): AdmissionRequest | undefined {
    const { takesFile, policy } = request.routeOptions.config;
    if (takesFile || !policy?.caller.issuer || policy.waits) return undefined;
    return { priority: priorities.indexOf(policy.priority), asker: person ?? askerOfRequest(request) };
  }

  return {
    guard(app) {
      app.addHook("onRequest", (request, reply, done) => {
        const token = bearerToken(request) ?? tokenInAddress(request);
        const person = token === undefined ? undefined : auth.userOf(token);
        // Whose token is not known yet is judged when it is.
        if (token !== undefined && !person) return done();
        const place = placeOf(request, person);
        const turnedAway = place && admission.judge(place);
        if (place) request.admission = place;
        if (!turnedAway) return done();
        reply.hijack();
        app.shedAnswers(request.raw, reply.raw, { traceId: request.id, ...turnedAway });
      });
    },
    enter(request) {
      const place = request.admission ?? placeOf(request);
      if (!place) return Promise.resolve();
      request.admission = place;
      const { response } = request;
      if (response?.closed) return Promise.reject(refusal("CALLER_GONE"));
      return new Promise((resolve, reject) => {
        const goes = () => {
          admission.leave(place);
          reject(refusal("CALLER_GONE"));
        };
        response?.once("close", goes);
        admission.enter(place, (refused) => {
          response?.off("close", goes);
          if (refused) reject(refused);
          else resolve();
        });
      });
    },
    watch(app) {
      // Every answer passes here, also one that nobody is there for any more.
      app.addHook("onSend", (request, _reply, _payload, done) => {
        if (request.admission) admission.leave(request.admission);
        done();
      });
    },
  };
}

/** Of a request of the classic API; one whose token is in a form is judged when the form is here. */
function tokenInAddress({ method, query, headers }: FastifyRequest): string | undefined {
  const { token } = (query ?? {}) as { token?: unknown };
  if (typeof token === "string" && token !== "") return token;
  const hasForm = (method !== "GET" && method !== "HEAD") || headers["content-type"] !== undefined;
  return hasForm ? "" : undefined;
}
