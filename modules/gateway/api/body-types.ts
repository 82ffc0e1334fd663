import type { preValidationHookHandler } from "fastify";
import { Check } from "typebox/value";
import { refusal } from "#contracts/reasons.ts";

/**
 * Refuses top-level fields of another type than is declared. The validator after us would make a text of a number or of
 * nothing, as it must with query strings; JSON says what it means.
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
