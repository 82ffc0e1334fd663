/** Members of a collection that changes, each in its turn, for ever; undefined while there are none. */
export function inTurn<T>(all: { values(): Iterator<T, undefined> }): () => T | undefined {
  let left = all.values();
  return () => {
    const next = left.next();
    if (!next.done) return next.value;
    left = all.values();
    return left.next().value;
  };
}
