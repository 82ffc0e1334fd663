/**
 * The signal by which gateways learn that timelines have got further. It may be lost: whoever holds a person's connection
 * looks at the timeline now and then as well.
 */
export const timelineSignal = "timelines";

/** How far a person's timeline has got. */
export interface TimelineHead {
  userId: string;
  seq: string;
}

export function writeHeads(heads: readonly TimelineHead[]): string {
  return heads.map(({ userId, seq }) => `${userId} ${seq}`).join("\n");
}

/** Leaves out what is none. */
export function readHeads(text: string): TimelineHead[] {
  return text.split("\n").flatMap((line) => {
    const [, userId, seq] = /^(\d{1,19}) (\d{1,19})$/.exec(line) ?? [];
    return userId && seq ? [{ userId, seq }] : [];
  });
}
