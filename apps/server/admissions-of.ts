import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { Admission } from "#platform/protect/admission.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { ModuleEntry } from "./targets.ts";

/**
 * What lets calls of a module's methods in from other processes: one admission for each of its bulkheads, so that calls
 * that hang, or are slow by nature, take no place and no patience from others.
 */
export function admissionsOf(
  { name, bulkheads = {} }: ModuleEntry["module"],
  protect: Pick<Protection, "admission">,
): (method: DescMethod) => Admission | undefined {
  const made = new Map<string, Admission>();
  return (method) => {
    const declared = (bulkheads as Record<string, string | null>)[method.localName];
    if (declared === null) return undefined;
    const isRead = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    const bulkhead = `${name} ${declared ?? (isRead ? "reads" : "changes")}`;
    const admission = made.get(bulkhead) ?? protect.admission(bulkhead, { callersShed: true });
    made.set(bulkhead, admission);
    return admission;
  };
}
