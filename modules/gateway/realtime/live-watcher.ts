import type { MediaUrls } from "../media/media-urls.ts";

/** A connection that watches videos. */
export interface LiveWatcher {
  readonly userId: string;
  readonly moderator: boolean;
  readonly urls: MediaUrls;
  /** Whether it has read what it was sent; otherwise it is told the next time. */
  hasRoom(): boolean;
  /** What has changed of some videos, each as JSON. */
  tell(videos: readonly string[]): void;
}

/** What a watcher is told of one video. */
export interface OneNews {
  text: string;
  /** Whether the watcher has not turned away meanwhile. */
  isWanted(): boolean;
}
export type AddNews = (watcher: LiveWatcher, news: OneNews) => void;
