/** At most this age, so that entries of the same moment do not all end at the same moment. */
export function spread(maxAgeMs: number): number {
  return Math.ceil(maxAgeMs * (0.5 + Math.random() / 2));
}
