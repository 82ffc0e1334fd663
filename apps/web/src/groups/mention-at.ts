const SIGNS = ["@", "＠"];
const NAME = /^[\p{L}\p{M}\p{N}_.-]{0,64}$/u;
/** As the server reads mentions: what stands before the sign makes it part of an address or a word. */
const OTHER_USE = /[A-Za-z0-9_&/#@＃＠]/;

/** The mention that is being written at the caret: where its sign is, and what follows it. */
export function mentionAt(text: string, caret: number): { start: number; query: string } | undefined {
  const before = text.slice(0, caret);
  const start = Math.max(...SIGNS.map((sign) => before.lastIndexOf(sign)));
  const query = before.slice(start + 1);
  if (start < 0 || !NAME.test(query) || OTHER_USE.test(before[start - 1] ?? "")) return undefined;
  return { start, query };
}

/** Whether somebody is meant by the beginning of a name. */
export function isMeant({ username, name }: { username: string; name: string }, query: string): boolean {
  const begins = query.toLocaleLowerCase();
  return [username, name].some((one) => one.toLocaleLowerCase().startsWith(begins));
}
