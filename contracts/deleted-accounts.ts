import type { DomainError } from "#platform/errors/domain-error.ts";
import { refusal } from "./reasons.ts";

/**
 * Thrown in the transaction of a fact whose people include deleted accounts. Each module keeps a flag in the row that
 * counts for a person, which every such transaction locks: so either the transaction sees the flag, or the erasure
 * sees the fact.
 */
export class AccountsDeleted extends Error {
  readonly ids: ReadonlySet<string>;
  constructor(ids: Iterable<string>) {
    const set = new Set(ids);
    super(`deleted: ${[...set].join(", ")}`);
    this.ids = set;
  }
  /**
   * The refusal for the acting person of a fact that also concerns these others; undefined if none of them is
   * deleted.
   */
  refusalFor(actorId: string, ...otherIds: string[]): DomainError | undefined {
    if (this.ids.has(actorId)) return accountDeleted();
    return otherIds.some((id) => this.ids.has(id)) ? refusal("USER_NOT_FOUND") : undefined;
  }
}

/** Throws AccountsDeleted if any of these rows has the flag. */
export function refuseDeleted(rows: { user_id: string; gone: boolean }[]): void {
  const deleted = rows.filter((row) => row.gone).map((row) => row.user_id);
  if (deleted.length > 0) throw new AccountsDeleted(deleted);
}

/**
 * Applies commands in one transaction, and if that fails, again without those of deleted accounts, which are refused.
 * `peopleOf` returns the acting person, then the others.
 */
export async function withoutDeleted<Command, Result>(
  commands: Command[],
  peopleOf: (command: Command) => [string, ...string[]],
  apply: (commands: Command[]) => Promise<Result[]>,
): Promise<(Result | DomainError)[]> {
  if (commands.length === 0) return [];
  try {
    return await apply(commands);
  } catch (error) {
    if (!(error instanceof AccountsDeleted)) throw error;
    const refusals = commands.map((command) => error.refusalFor(...peopleOf(command)));
    if (refusals.every((refusal) => refusal === undefined)) throw error;
    const rest = await withoutDeleted(
      commands.filter((_, i) => !refusals[i]),
      peopleOf,
      apply,
    );
    let next = 0;
    return refusals.map((refusal) => refusal ?? rest[next++]!);
  }
}

/** What an account changes for itself alone: of a deleted one nothing does, and nobody is told. */
export async function unlessDeleted<Told>(change: () => Promise<Told[]>): Promise<Told[]> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof AccountsDeleted) return [];
    throw error;
  }
}

/** For a token of a deleted account. */
export function accountDeleted(): DomainError {
  return refusal("SESSION_ENDED", "This account has been deleted.");
}
