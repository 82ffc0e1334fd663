import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StillJob } from "./media-engine.ts";
import { pictureFilter } from "./plan.ts";
import { PICTURE_DEMUXERS } from "./rules.ts";

/** A GIF of one pixel. */
const PICTURE = Buffer.from("R0lGODdhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "base64");
const PICTURE_HEADER = { width: 1, height: 1, upright: { rotation: 0, mirrored: false } } as const;
const PREFIX = "confinement-";
/** Longer than all that is tried on one picture may take: by then nobody uses it any more. */
const LEFT_AFTER_MS = 15 * 60_000;

/** Has `use` make something of a small picture, in a folder of its own below `parent` that is gone afterwards. */
export async function withTrialPicture<T>(parent: string, use: (job: StillJob) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, PREFIX));
  try {
    const source = { path: join(folder, "picture.gif"), demuxer: PICTURE_DEMUXERS.gif };
    await writeFile(source.path, PICTURE, { mode: 0o600 });
    const filter = pictureFilter("gif", PICTURE_HEADER, { maxWidthPx: 16, maxHeightPx: 16 });
    return await use({ source, stream: 0, atMs: 0, filter, output: join(folder, "picture.jpeg") });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Removes what processes that were killed have left of this below `parent`; others may be trying theirs. */
export async function sweepTrialPictures(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() && Date.now() - found.mtimeMs > LEFT_AFTER_MS)
      await rm(folder, { recursive: true, force: true });
  }
}
