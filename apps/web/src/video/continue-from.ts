import type { Video } from "../api/types.ts";
import { isPlayable } from "../feed/playable.ts";

/** Ids are decimal numbers that grow with time. */
const isOlder = (id: string, than: string): boolean =>
  id.length === than.length ? id < than : id.length < than.length;

/** A video and the author's earlier ones: how one continues from a link or a profile. */
export function continueFrom(video: Video, published: readonly Video[]): Video[] {
  return [video, ...published.filter((other) => isPlayable(other) && isOlder(other.id, video.id))];
}

/** A video and those after it in a list. */
export function continueList(video: Video, listed: readonly Video[]): Video[] {
  const at = listed.findIndex((other) => other.id === video.id);
  return [video, ...listed.slice(at + 1)];
}
