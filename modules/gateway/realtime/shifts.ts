/** A collection of which every member is in one of `count` shifts, as long as it is there. */
export interface Shifts<T> {
  add(one: T): void;
  delete(one: T): void;
  /** The next shift: after `count` of them everybody who was there all the time has been in one. */
  next(): Iterable<T>;
  all(): T[];
}

export function createShifts<T>(count: number): Shifts<T> {
  const shifts = Array.from({ length: count }, () => new Set<T>());
  const shiftOf = new Map<T, Set<T>>();
  let added = 0;
  let current = 0;
  return {
    add(one) {
      const shift = shifts[added++ % count]!;
      shiftOf.set(one, shift.add(one));
    },
    delete(one) {
      shiftOf.get(one)?.delete(one);
      shiftOf.delete(one);
    },
    next: () => shifts[current++ % count]!,
    all: () => [...shiftOf.keys()],
  };
}
