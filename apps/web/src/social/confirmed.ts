/**
 * What the server has of things with changes under way: the state before the first of them, until one is accepted. If
 * the last one fails, that is shown, and not the state that the change began with, which may never have been accepted.
 */
export function createConfirmed<State>() {
  const things = new Map<string, { state: State; changes: number }>();
  /** Whether no other change of it is under way. */
  const isLast = (key: string) => things.get(key)?.changes === 1;
  function end(key: string): { state: State } | undefined {
    const thing = things.get(key);
    if (thing && --thing.changes > 0) return undefined;
    things.delete(key);
    return thing;
  }
  return {
    isLast,
    /** `isFirst`: whatever began before has ended, also without a word, as with a session. */
    begin(key: string, from: State, isFirst: boolean) {
      const thing = things.get(key);
      if (thing && !isFirst) thing.changes++;
      else things.set(key, { state: from, changes: 1 });
    },
    accepted(key: string, state: State) {
      const thing = things.get(key);
      if (thing) thing.state = state;
      end(key);
    },
    /** What to show now; undefined as long as a later change is under way, which is shown already. */
    failed: end,
  };
}
