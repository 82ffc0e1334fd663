import { numbersOfKind, reasons } from "#contracts/reasons.ts";
import type { Reason } from "#platform/errors/catalogue.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";

/** `status_code` of a refusal (docs/reasons.md lists them); a reason without its own has that of its kind. */
export function statusCodeOf({ kind, reason }: DomainError): number {
  return (reasons as Record<string, Reason>)[reason]?.code ?? numbersOfKind[kind].code;
}
