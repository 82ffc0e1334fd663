/** What makes a video hot, and how much. */
export const hotWeights = { view: 1, completion: 2, like: 8, share: 12 } as const;
export type HotKind = "like" | "share";

/** What somebody did with a video: first all that they did of this kind is taken back, then it is done at these times. */
export interface HotAct {
  videoId: string;
  userId: string;
  kind: HotKind;
  takenBack: boolean;
  timesMs: number[];
}

/** Each of a person, a video and a kind once, with what comes of all that is told of it in this order. */
export function mergeActs(told: readonly HotAct[]): HotAct[] {
  const acts = new Map<string, HotAct>();
  for (const act of told) {
    const key = `${act.videoId} ${act.userId} ${act.kind}`;
    const before = acts.get(key);
    if (!before || act.takenBack) acts.set(key, { ...act });
    else before.timesMs = [...before.timesMs, ...act.timesMs];
  }
  return [...acts.values()];
}
