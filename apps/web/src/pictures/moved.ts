/** The same list with the one at a place moved to that of the one before (-1) or after it (1). */
export function moved<Item>(items: readonly Item[], at: number, by: -1 | 1): Item[] {
  const next = [...items];
  const [one] = next.splice(at, 1);
  if (one) next.splice(Math.max(0, at + by), 0, one);
  return next;
}
