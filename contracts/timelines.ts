import type { Signals } from "#platform/signals/signals.ts";

/**
 * Tells gateways that timelines have got further. A word may be lost: whoever holds a person's connection looks at the
 * timeline now and then as well.
 */
const channel = "timelines";

/** How far a person's timeline has got. */
export interface TimelineHead {
  userId: string;
  seq: string;
}

export function tellTimelines(signals: Signals, heads: readonly TimelineHead[]): void {
  if (heads.length > 0)
    void signals.tell(channel, heads.map(({ userId, seq }) => `${userId} ${seq}`).join("\n"));
}

export function hearTimelines(signals: Signals, hear: (head: TimelineHead) => void): void {
  signals.listen(channel, (message) => {
    for (const line of message.split("\n")) {
      const [userId = "", seq = ""] = line.split(" ", 2);
      if (/^\d{1,19}$/.test(userId) && /^\d{1,19}$/.test(seq)) hear({ userId, seq });
    }
  });
}
