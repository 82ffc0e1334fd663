import type { Message } from "../api/types.ts";
import type { LiveFrame } from "./live.ts";

/** Where a person's timeline is known up to. Numbers of another epoch mean something else. */
export interface Position {
  epoch: string;
  seq: string;
}

export interface Entry {
  seq: string;
  at: string;
  /** One that is not known has its place, and nothing to show. */
  kind: string;
  /** How many messages the viewer has not read. Servers of earlier releases do not tell. */
  unread?: number;
  message?: Omit<Message, "receiverId" | "content"> & { conversationId: string; text: string };
  hidden?: { conversationId: string; messageId: string };
  /** The viewer is invited to a group. */
  invitation?: { conversationId: string };
  muted?: { conversationId: string; muted: boolean };
  /** Of a message that the viewer sent from any device: its key. */
  idempotencyKey?: string;
  read?: { conversationId: string; readerId: string; upTo: string };
  /** Null: nothing is new, but what was seen, or the settings. */
  notification?: { id: string | null };
  /** What the viewer has set, on any device. */
  settings?: { presenceHidden: boolean };
}

/** What hears of news. */
export interface News {
  /** In order, each once. */
  entries(entries: readonly Entry[], epoch: string): void;
  /** Something may be missing: what was fetched before is fetched again. */
  resync(position: Position): void;
  /** Whether news arrive. */
  online(is: boolean): void;
  /** What is told over a connection, and not kept. */
  live(frame: LiveFrame): void;
  /** Whether there is one: requests bring no such thing. */
  line(is: boolean): void;
}

export interface Timeline {
  position(): Position | undefined;
  /** Passes on what is new. False: there is a hole, and what comes after it was left out. */
  take(entries: readonly Entry[]): boolean;
  moveTo(position: Position): void;
}

/** Knows up to where everything has arrived: what comes twice is left out, and a hole is seen at once. */
export function createTimeline(news: Pick<News, "entries" | "resync">): Timeline {
  let position: Position | undefined;
  return {
    position: () => position,
    take(entries) {
      if (!position) return false;
      let seq = BigInt(position.seq);
      let whole = true;
      const fresh: Entry[] = [];
      for (const entry of entries) {
        const its = BigInt(entry.seq);
        if (its <= seq) continue;
        whole = its === seq + 1n;
        if (!whole) break;
        seq = its;
        fresh.push(entry);
      }
      if (fresh.length > 0) {
        position = { ...position, seq: String(seq) };
        news.entries(fresh, position.epoch);
      }
      return whole;
    },
    moveTo(next) {
      position = next;
      news.resync(next);
    },
  };
}
