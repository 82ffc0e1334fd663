/** As the server reads mentions: nothing before the sign that makes it part of an address or a word. */
const BEING_WRITTEN = /(?:^|[^A-Za-z0-9_&/#@＃＠])[@＠]([\p{L}\p{M}\p{N}_.-]{0,64})$/u;

/** The mention that is being written at the caret: where its sign is, and what follows it. */
export function mentionAt(text: string, caret: number): { start: number; query: string } | undefined {
  const query = BEING_WRITTEN.exec(text.slice(0, caret))?.[1];
  return query === undefined ? undefined : { start: caret - query.length - 1, query };
}

/** Whether somebody is meant by the beginning of a name. */
export function isMeant({ username, name }: { username: string; name: string }, query: string): boolean {
  const begins = query.toLocaleLowerCase();
  return [username, name].some((one) => one.toLocaleLowerCase().startsWith(begins));
}
