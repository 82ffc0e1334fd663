export function portions<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

export function groupBy<T, Key>(all: Iterable<T>, keyOf: (one: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}

/** Portions of so much weight; what is heavier goes alone. */
export function portionsBy<T>(all: readonly T[], most: number, weightOf: (one: T) => number): T[][] {
  const found: T[][] = [];
  let weight = Number.POSITIVE_INFINITY;
  for (const one of all) {
    weight += weightOf(one);
    if (weight > most) {
      found.push([]);
      weight = weightOf(one);
    }
    found.at(-1)!.push(one);
  }
  return found;
}
