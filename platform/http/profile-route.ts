import type { FastifyInstance } from "fastify";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import { createProfiler, maxProfileSeconds, type ProfileKind, profileKinds } from "../observe/profiler.ts";
import type { ServiceTokens } from "../rpc/service-token.ts";

export const profilePath = "/debug/profile";
/** Who asks, and what for, as the token of a command says it. */
export const profileCaller = { from: "operator", to: "profile" };

const querystring = {
  type: "object",
  required: ["kind", "seconds"],
  properties: {
    kind: { enum: profileKinds },
    seconds: { type: "integer", minimum: 1, maximum: maxProfileSeconds },
  },
};

/** Lets whoever has the secret of the installation profile this process; for all others the route is not there. */
export function addProfileRoute(
  app: FastifyInstance,
  { tokens, stopping, log }: { tokens: ServiceTokens; stopping: AbortSignal; log: Logger },
): void {
  const profiler = createProfiler();

  async function isOperator(authorization = ""): Promise<boolean> {
    const token = /^Bearer (.+)$/.exec(authorization)?.[1];
    if (token === undefined) return false;
    const caller = await tokens.verify(token, profileCaller.to).catch(() => undefined);
    return caller === profileCaller.from;
  }

  app.post<{ Querystring: { kind: ProfileKind; seconds: number } }>(
    profilePath,
    {
      schema: { querystring, hide: true },
      async onRequest(request, reply) {
        if (!(await isOperator(request.headers.authorization))) return reply.code(404).send();
      },
    },
    async (request, reply) => {
      const { kind, seconds } = request.query;
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      log.warn({ kind, seconds }, "an operator profiles this process");
      const signal = AbortSignal.any([gone.signal, stopping]);
      const profile = await profiler.profile(kind, seconds, signal).catch((error) => {
        throw signal.aborted ? refusal("CALLER_GONE") : error;
      });
      return reply.type("application/json; charset=utf-8").send(profile);
    },
  );
}
