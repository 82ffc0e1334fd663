import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";

/** For each of those who are turned away, how much later they may come back than the one before. */
const eachMs = 3;
/** The latest of them. The queue of those who connect turns away when its wait is 90 s: who came sooner would again be. */
const latestMs = 120_000;

/** Has those whom a queue turns away come back one after the other, and no sooner than it said. */
export function createComeBack(now = () => performance.now()) {
  let taken = 0;
  return ({ message, retryAfterMs = 0 }: DomainError): DomainError => {
    taken = Math.min(now() + latestMs, Math.max(now() + retryAfterMs, taken + eachMs));
    return refusal("BUSY", message, Math.ceil(taken - now()));
  };
}
