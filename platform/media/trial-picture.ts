import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StillJob } from "./media-engine.ts";
import { pictureFilter } from "./plan.ts";
import { PICTURE_DEMUXERS } from "./rules.ts";

/** A GIF of one pixel. */
const PICTURE = Buffer.from("R0lGODdhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "base64");
const PICTURE_HEADER = { width: 1, height: 1, upright: { rotation: 0, mirrored: false } } as const;
const PREFIX = "confinement-";
/** Longer than all trials with one picture may take: after this, nobody uses it. */
const LEFT_AFTER_MS = 15 * 60_000;

/** Lets `use` convert a small picture, in a temporary folder below `parent`. */
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

/** Removes the folders that killed processes have left below `parent`; other processes may be using theirs. */
export async function sweepTrialPictures(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory() && Date.now() - found.mtimeMs > LEFT_AFTER_MS)
      await rm(folder, { recursive: true, force: true });
  }
}
