/**
 * Cuts a page of at most `limit` off a list that is newest first and one longer when there is more. With
 * `wholeMilliseconds` a page ends where a millisecond does, so that "before this time" neither repeats nor
 * skips; only a millisecond with more than `limit` videos is cut all the same.
 */
export function endPage<E extends { publishedAtMs: number }>(
  entries: E[],
  limit: number,
  wholeMilliseconds: boolean,
): { page: E[]; more: boolean } {
  const page = entries.slice(0, limit);
  const beyond = entries[limit];
  if (!beyond) return { page, more: false };
  if (wholeMilliseconds) {
    const whole = page.filter((entry) => entry.publishedAtMs !== beyond.publishedAtMs);
    if (whole.length > 0) return { page: whole, more: true };
  }
  return { page, more: true };
}
