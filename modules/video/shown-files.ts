import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** The blobs that a published video shows. */
export async function shownBy(on: Queryable<Tables>, id: string): Promise<string[]> {
  const video = await on
    .selectFrom("video")
    .select(["play_key", "cover_key", "storyboard"])
    .where("id", "=", id)
    .executeTakeFirst();
  if (!video) return [];
  const rungs = await on.selectFrom("rendition").select("key").where("video_id", "=", id).execute();
  const { play_key, cover_key, storyboard } = video;
  return [play_key, cover_key, storyboard?.key ?? "", ...rungs.map(({ key }) => key)].filter(Boolean);
}

/** Of a rung, in bits per second. */
export function averageBitrate(fragmentBytes: readonly number[], fragmentUs: readonly number[]): number {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return Math.ceil((sum(fragmentBytes) * 8 * 1_000_000) / sum(fragmentUs));
}
