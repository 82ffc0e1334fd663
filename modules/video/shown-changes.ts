import { type Selectable, sql } from "kysely";
import type { VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { isUsed, releaseKeys } from "./blob-use-store.ts";
import { bytesGone } from "./kept-pictures.ts";
import { faceOf } from "./picture-sizes.ts";
import { type ShownColumns, shownKeys } from "./shown-files.ts";
import type { StoredPicture, Tables } from "./tables.ts";

/** Another cover, whose file is in its place and used by its video. */
export interface NewCover {
  key: string;
  thumbHash: string;
}

/** Of a video that is locked. The cover before is released. Error: BUSY. */
export async function showCover(
  on: Transaction<Tables>,
  { id, was, cover }: { id: VideoId; was: string; cover: NewCover },
  jobs: Jobs,
): Promise<void> {
  // A ladder that ended meanwhile has taken it for left over.
  if (!(await isUsed(on, cover.key, id))) throw refusal("BUSY");
  await on
    .updateTable("video")
    .set({ cover_key: cover.key, thumb_hash: cover.thumbHash })
    .where("id", "=", id)
    .execute();
  if (was !== cover.key) await releaseKeys(on, jobs, id, [was]);
}

type PicturesBefore = ShownColumns & Pick<Selectable<Tables["video"]>, "size_bytes" | "original_bytes">;

/** Shows these pictures of a post that is locked; releases the files of the others, and returns their keys. */
export async function showPictures(
  on: Transaction<Tables>,
  { id, was, pictures }: { id: VideoId; was: PicturesBefore; pictures: StoredPicture[] },
  jobs: Jobs,
): Promise<string[]> {
  const { coverKey, thumbHash, width, height } = faceOf(pictures[0]!);
  const total = { original: Number(was.original_bytes ?? was.size_bytes), shown: Number(was.size_bytes) };
  const gone = bytesGone(was.pictures, pictures, total);
  await on
    .updateTable("video")
    .set({
      pictures: JSON.stringify(pictures),
      ...{ cover_key: coverKey, thumb_hash: thumbHash, width, height },
      size_bytes: sql<string>`size_bytes - ${gone.shown}::int8`,
      original_bytes: sql<string>`original_bytes - ${gone.original}::int8`,
    })
    .where("id", "=", id)
    .execute();
  const shown = new Set(shownKeys({ ...was, pictures, cover_key: coverKey }));
  const keys = shownKeys(was).filter((key) => !shown.has(key));
  await releaseKeys(on, jobs, id, keys);
  return keys;
}
