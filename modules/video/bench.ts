import { utimes } from "node:fs/promises";
import type { VideoId } from "#contracts/ids.ts";
import type { BlobKey, BlobStore } from "#platform/blob/blob-store.ts";
import type { Loudness } from "#platform/media/loudness.ts";
import type { MediaInfo, RenditionInfo, Rung } from "#platform/media/media-tool.ts";
import type { Storyboard } from "#platform/media/storyboard.ts";

/** The kinds of jobs in which files of videos are made. */
export const mediaKinds = ["process", "ladder"] as const;
export type MakingKind = (typeof mediaKinds)[number];

/** What is to be made. */
export interface Order {
  kind: MakingKind;
  id: VideoId;
  authorId: string;
  inputKey: BlobKey;
  /** null: nobody has looked at this file yet, or an earlier release has. */
  info: MediaInfo | null;
  /** Of the rungs. */
  shortSidesPx: readonly number[];
  loudnessLufs: number | null;
  /** After it nothing is tried again. */
  isLastTry: boolean;
}

export interface KeptFile {
  key: BlobKey;
  sizeBytes: number;
}

export interface MadeRung extends Rung, KeptFile {
  shortSide: number;
}

/** What was made, or why it cannot be: the fault of the file, which trying again does not mend. */
export type Made =
  | {
      kind: "published";
      play: KeptFile;
      cover: KeptFile;
      /** A ThumbHash of the cover. */
      thumbHash: string;
      /** Times whose pictures would do as covers, the best first. */
      coverTimesMs: number[];
      /** The source contains nothing that the play file lacks. */
      copied: boolean;
      info: Omit<RenditionInfo, "rotation" | "mirrored">;
      /** How many rungs are to be made of it afterwards. */
      rungs: number;
    }
  | {
      kind: "rungs";
      rungs: MadeRung[];
      wanted: number;
      /** As measured before; null where there is nothing to hear. */
      loudness: Loudness | null;
      /** null where it could not be made. */
      storyboard: (Storyboard & KeptFile) | null;
    }
  | { kind: "refused"; reason: string; message: string };

/** A file that is being made. */
export interface Draft {
  name: string;
  path: string;
}

/** The namespaces of what is made, each with its extension. */
export const extensionOf = { video: "mp4", cover: "jpg", storyboard: "jpg" } as const;
export type MadeNamespace = keyof typeof extensionOf;

/**
 * What the making of a video's files needs of the module that has the video: in its own process, or in another by RPC.
 * Errors: VideoGone, when the video was deleted; MEDIA_JOB_LOST, when somebody else makes its files by now.
 */
export interface Bench {
  order: Order;
  withInput<T>(use: (path: string) => Promise<T>): Promise<T>;
  draft(extension: string): Promise<Draft>;
  /** Makes a draft a blob that the video uses. */
  keep(draft: Draft, namespace: MadeNamespace, signal: AbortSignal): Promise<KeptFile>;
  discard(draft: Draft): Promise<void>;
  /** From 0 to 1, for people. */
  progress(done: number): void;
  /** Makes visible what was made and ends the job. */
  finish(made: Made): Promise<void>;
}

/** Runs `use` with drafts, which are gone afterwards unless they were kept. */
export async function withDrafts<T>(
  bench: Pick<Bench, "draft" | "discard">,
  extensions: readonly string[],
  use: (drafts: Draft[]) => Promise<T>,
): Promise<T> {
  const drafts: Draft[] = [];
  try {
    for (const extension of extensions) drafts.push(await bench.draft(extension));
    return await use(drafts);
  } finally {
    for (const draft of drafts) await bench.discard(draft);
  }
}

/** More often than what nobody writes to is swept. */
const touchEveryMs = 10 * 60_000;

/** Drafts in the folder of a blob store, which are not taken for left behind while others are made. */
export function draftsIn(blobs: BlobStore): Pick<Bench, "draft" | "discard"> {
  const touching = new Map<string, NodeJS.Timeout>();
  return {
    async draft(extension) {
      const draft = await blobs.stagingPath(extension);
      const touch = () => utimes(draft.path, new Date(), new Date()).catch(() => {});
      touching.set(draft.name, setInterval(touch, touchEveryMs).unref());
      return draft;
    },
    discard({ name }) {
      clearInterval(touching.get(name));
      touching.delete(name);
      return blobs.discard(name);
    },
  };
}
