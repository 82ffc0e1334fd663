/** An LRUCache with this many entries at most. With its `max` it takes the memory of all of them, and time, at once. */
export const atMost = (entries: number) => ({ maxSize: entries, sizeCalculation: () => 1 });
