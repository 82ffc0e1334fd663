import type { Comment, Video } from "../api/types.ts";

/** Whether somebody is here, or when they were; null: that is not known, or not shown. */
export interface Presence {
  userId: string;
  online: boolean;
  lastSeenAt: string | null;
}

/** What has changed of a video in view, or of the work on one's own. */
export interface LiveVideo extends Partial<Pick<Video, "state" | "progress" | "failure" | "steps">> {
  videoId: string;
  /** Of views only whole answers tell. */
  counts?: Omit<Video["counts"], "views">;
  /** One may not see it any more. */
  gone?: true;
  comments?: readonly Comment[];
}

/** What is told while it is so, and stored nowhere. */
export type LiveFrame =
  | { type: "presence"; people: readonly Presence[] }
  | { type: "typing"; conversationId: string; userId: string }
  | { type: "live"; videos: readonly LiveVideo[] };

/** By kind: people to be told the presence of, videos the counts and the comments of, own uploads the work on. */
export interface Wants {
  people: readonly string[];
  videos: readonly string[];
  comments: readonly string[];
  uploads: readonly string[];
}
export type Wanted = keyof Wants;

/** What one connection may have at once. */
const MAX: Record<Wanted, number> = { people: 100, videos: 10, comments: 2, uploads: 20 };
const KINDS = Object.keys(MAX) as Wanted[];

export const noWants: Wants = { people: [], videos: [], comments: [], uploads: [] };

/** Of all tabs together, as many as a connection may have. */
export function together(all: Iterable<Wants>): Wants {
  const each = [...all];
  const of = (kind: Wanted) => [...new Set(each.flatMap((one) => one[kind]))].slice(0, MAX[kind]);
  return { people: of("people"), videos: of("videos"), comments: of("comments"), uploads: of("uploads") };
}

/** The frames that lead from what was wanted to what is: room is made first. */
export function changes(from: Wants, to: Wants): object[] {
  const only = (one: Wants, other: Wants) =>
    KINDS.flatMap((kind) => {
      const ids = one[kind].filter((id) => !other[kind].includes(id));
      return ids.length > 0 ? [[kind, ids] as const] : [];
    });
  return (["unsubscribe", "subscribe"] as const).flatMap((type) => {
    const found = type === "subscribe" ? only(to, from) : only(from, to);
    return found.length > 0 ? [{ type, ...Object.fromEntries(found) }] : [];
  });
}

/** What is shown at the moment wants something; told together a moment later. */
export function createInterests(onChange: (wants: Wants) => void, pauseMs = 150) {
  const counts = new Map<string, { kind: Wanted; id: string; count: number }>();
  let isDue = false;
  const get = (): Wants => {
    const of = (kind: Wanted) => [...counts.values()].filter((one) => one.kind === kind).map(({ id }) => id);
    return { people: of("people"), videos: of("videos"), comments: of("comments"), uploads: of("uploads") };
  };
  function changed() {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      onChange(get());
    }, pauseMs);
  }
  return {
    get,
    /** Until the answer is called. */
    want(kind: Wanted, id: string): () => void {
      const key = `${kind} ${id}`;
      const one = counts.get(key) ?? { kind, id, count: 0 };
      one.count++;
      counts.set(key, one);
      changed();
      let wanted = true;
      return () => {
        if (!wanted) return;
        wanted = false;
        if (--one.count > 0) return;
        counts.delete(key);
        changed();
      };
    },
  };
}
