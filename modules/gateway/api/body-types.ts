import type { preValidationHookHandler } from "fastify";
import { Check } from "typebox/value";
import { refusal } from "#contracts/reasons.ts";

/**
 * Refuses top-level fields of another type than declared. The validator would convert a number or null into a text,
 * as it must for query strings; JSON has types.
 */
export function requireTypes(fields: Record<string, { type?: string }>): preValidationHookHandler {
  return (request, _reply, done) => {
    for (const [name, value] of Object.entries(request.body ?? {})) {
      const type = fields[name]?.type;
      if (type !== undefined && !Check({ type }, value))
        return done(refusal("INVALID_ARGUMENT", `${name}: must be ${type}.`));
    }
    done();
  };
}
