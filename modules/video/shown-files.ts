import type { Selectable } from "kysely";
import type { Queryable, Transaction } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** The columns of a video that say so, beside its rungs. */
export const shownColumns = ["play_key", "cover_key", "storyboard", "pictures", "replaced"] as const;
export type ShownColumns = Pick<Selectable<Tables["video"]>, (typeof shownColumns)[number]>;

/** Locks a video until the transaction ends; undefined if it is not there. */
export const lockShown = (on: Transaction<Tables>, id: string): Promise<ShownColumns | undefined> =>
  on.selectFrom("video").select(shownColumns).where("id", "=", id).forUpdate().executeTakeFirst();

/** The blobs that a published video shows, to those who play what was replaced too. */
export async function shownBy(on: Queryable<Tables>, id: string, video: ShownColumns): Promise<string[]> {
  const rungs = await on.selectFrom("rendition").select("key").where("video_id", "=", id).execute();
  return [...shownKeys(video), ...rungs.map(({ key }) => key)];
}

/** The same without rungs. */
export function shownKeys({ play_key, cover_key, storyboard, pictures, replaced }: ShownColumns): string[] {
  const sizes = pictures.flatMap((picture) => picture.sizes.map(({ key }) => key));
  const past = replaced.map(({ key }) => key);
  return [...new Set([play_key, cover_key, storyboard?.key ?? "", ...sizes, ...past].filter(Boolean))];
}

/** Of a rung, in bits per second. */
export function averageBitrate(fragmentBytes: readonly number[], fragmentUs: readonly number[]): number {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return Math.ceil((sum(fragmentBytes) * 8 * 1_000_000) / sum(fragmentUs));
}
