import type { FastifyInstance } from "fastify";
import { refusal } from "#contracts/reasons.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** What operators have switched off, now; undefined where nothing can be. */
    switchedOff?(): ReadonlySet<string>;
  }
}

/** Refuses what is switched off. What a page may lack is left out of it instead; see optional-part.ts. */
export function refuseSwitchedOff(app: FastifyInstance, switchedOff: () => ReadonlySet<string>): void {
  app.decorate("switchedOff", switchedOff);
  app.addHook("onRequest", ({ routeOptions }, _reply, done) => {
    const { switch: name } = routeOptions.config.policy ?? {};
    if (name !== undefined && switchedOff().has(name)) done(refusal("SWITCHED_OFF"));
    else done();
  });
}
