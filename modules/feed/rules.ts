/** The largest page of any feed. */
export const maxPage = 50;
/** An inbox holds this many of the newest videos; older ones are on the pages of their authors. */
export const inboxSize = 1000;
/** A reader who has not read for this long has no inbox; it is filled when they return. */
export const idleDays = 30;
/** How long filling an inbox may take. A filling that began earlier has failed, or nobody waits for it. */
export const fillMs = 20_000;
/** How many followers get a video in one transaction. */
export const deliveryPage = 10_000;
/** The most people that an event about changed inboxes names. */
const maxNamed = 2_000;
/** For this long, videos by followed authors come first in the classic feed. */
export const firstClassMs = 7 * 24 * 3_600_000;

/** The content of an event about the inboxes of these readers. Without ids, any inbox may have changed. */
export function namedOrAll(readers: ReadonlySet<string | "everybody">): { userIds: string[] } {
  const all = readers.has("everybody") || readers.size > maxNamed;
  return { userIds: all ? [] : [...readers] };
}

/** A place in a feed: newest first, ties by id. */
export interface Entry {
  publishedAtMs: number;
  videoId: string;
}

export interface Authored extends Entry {
  authorId: string;
  /** Only for friends of the author. */
  friends?: boolean;
}

/** Newest first. Ids are decimal strings without leading zeros, so the longer one is the larger. */
export function byNewest(a: Entry, b: Entry): number {
  if (a.publishedAtMs !== b.publishedAtMs) return b.publishedAtMs - a.publishedAtMs;
  if (a.videoId.length !== b.videoId.length) return b.videoId.length - a.videoId.length;
  return a.videoId < b.videoId ? 1 : a.videoId > b.videoId ? -1 : 0;
}

/** Merges two lists, newest first, that may overlap; each video appears once. */
export function mergeNewest<E extends Entry>(...lists: E[][]): E[] {
  const seen = new Set<string>();
  return lists
    .flat()
    .sort(byNewest)
    .filter((entry) => !seen.has(entry.videoId) && seen.add(entry.videoId));
}

/**
 * Whether a delivery also trims the inbox: one in 64 does, so that an inbox exceeds its size by little. The low bits of
 * ids are nearly always zero (snowflake.ts), so both are multiplied and the high bits decide.
 */
export function alsoTrims(userId: string, videoId: string): boolean {
  const video = Math.imul(lastDigits(videoId), 0x9e3779b1);
  return Math.imul(lastDigits(userId) ^ (video >>> 7), 0x85ebca6b) >>> 26 === 0;
}

function lastDigits(id: string): number {
  return Number(id.slice(-9));
}

/**
 * Whether an author has too many followers to deliver to. A large author stays one until a fifth below the threshold,
 * so that an author near it does not change with every follow.
 */
export function isLarge(followers: number, wasLarge: boolean, threshold: number): boolean {
  return followers >= (wasLarge ? threshold * 0.8 : threshold);
}

/**
 * Who delivers to a reader's inbox: everybody they follow, if these are at most `cap`; else the authors they interact
 * with, then the newest of the others, up to `cap`. `followed` has the newest first.
 */
export function chooseSources(followed: string[], interests: ReadonlySet<string>, cap: number): string[] {
  if (followed.length <= cap) return followed;
  const chosen = followed.filter((authorId) => interests.has(authorId));
  const others = followed.filter((authorId) => !interests.has(authorId));
  return [...chosen, ...others].slice(0, cap);
}

/**
 * Cuts a page of at most `limit` from a list that is newest first and one longer if there is more. With
 * `wholeMilliseconds` a page ends where a millisecond does, so that "before this time" neither repeats nor skips.
 * Only a millisecond with more than `limit` videos is cut.
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

/**
 * A page of the classic feed: of the videos before a time, those of followed authors first, then those of everybody,
 * newest first. Both lists are newest first and one longer than `limit` if there is more. A page ends where a
 * millisecond does if it can, since the client pages by time alone.
 */
export function classicPage(followed: Entry[], everybody: Entry[], limit: number): Entry[] {
  const first = followed.slice(0, limit);
  const chosen = new Set(first.map((entry) => entry.videoId));
  const rest = everybody.filter((entry) => !chosen.has(entry.videoId));
  const fill = rest.slice(0, limit - first.length);
  const page = mergeNewest(first, fill);
  const left = [...followed.slice(limit), ...rest.slice(fill.length)];
  const lastMs = page.at(-1)?.publishedAtMs;
  if (!left.some((entry) => entry.publishedAtMs === lastMs)) return page;
  const whole = page.filter((entry) => entry.publishedAtMs !== lastMs);
  return whole.length > 0 ? whole : page;
}
