/**
 * One page of a list, of at most `asked` rows and never more than `max`. Reads one row more, which shows whether
 * there is another page: `after` is the row before its first one, or undefined on the last page.
 */
export async function takePage<Row>(
  asked: number,
  max: number,
  read: (limit: number) => Promise<Row[]>,
): Promise<{ rows: Row[]; after: Row | undefined }> {
  const limit = Math.min(asked, max);
  const found = await read(limit + 1);
  const rows = found.slice(0, limit);
  return { rows, after: found.length > limit ? rows.at(-1) : undefined };
}
