import { DomainError } from "../errors/domain-error.ts";

/**
 * Thrown within the transaction of a fact when people whom it is about have been removed for good. Each module keeps
 * that as a mark in the row in which it counts for a person, which every such transaction locks: so either it sees
 * the mark, or whoever removes the person sees the fact.
 */
export class PeopleGone extends Error {
  readonly ids: ReadonlySet<string>;
  constructor(ids: string[]) {
    super(`gone: ${ids.join(", ")}`);
    this.ids = new Set(ids);
  }
}

/** Throws PeopleGone when any of these rows is marked. */
export function refuseGone(rows: { user_id: string; gone: boolean }[]): void {
  const gone = rows.filter((row) => row.gone).map((row) => row.user_id);
  if (gone.length > 0) throw new PeopleGone(gone);
}

/**
 * Carries wishes out in one transaction, and again without those of people who turn out to be gone; theirs is the
 * refusal. `peopleOf` gives whose wish it is, and then whom else it is about.
 */
export async function withoutGone<Wish, Result>(
  wishes: Wish[],
  peopleOf: (wish: Wish) => [string, ...string[]],
  carryOut: (wishes: Wish[]) => Promise<Result[]>,
): Promise<(Result | DomainError)[]> {
  if (wishes.length === 0) return [];
  try {
    return await carryOut(wishes);
  } catch (error) {
    if (!(error instanceof PeopleGone)) throw error;
    const refusals = wishes.map((wish) => refusalOf(peopleOf(wish), error.ids));
    if (refusals.every((refusal) => refusal === undefined)) throw error;
    const rest = await withoutGone(
      wishes.filter((_, i) => !refusals[i]),
      peopleOf,
      carryOut,
    );
    let next = 0;
    return refusals.map((refusal) => refusal ?? rest[next++]!);
  }
}

function refusalOf([actor, ...others]: string[], gone: ReadonlySet<string>): DomainError | undefined {
  if (gone.has(actor!)) return accountGone();
  if (others.some((id) => gone.has(id)))
    return new DomainError("not-found", "USER_NOT_FOUND", "There is no such person any more.");
  return undefined;
}

/** For whoever still acts with a token of an account that is deleted. */
export function accountGone(): DomainError {
  return new DomainError("unauthenticated", "SESSION_ENDED", "This account has been deleted.");
}
