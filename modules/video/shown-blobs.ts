import type { VideoId } from "#contracts/ids.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** The blobs that a finished video shows. */
export async function shownBy(
  on: Transaction<Tables>,
  id: VideoId,
  { play_key, cover_key }: { play_key: string; cover_key: string },
): Promise<string[]> {
  const rungs = await on.selectFrom("rendition").select("key").where("video_id", "=", id).execute();
  return [play_key, cover_key, ...rungs.map(({ key }) => key)].filter(Boolean);
}
