import type { FairQueue } from "../protect/fair-queue.ts";
import type { Media, RunOptions } from "./media-tool.ts";

/**
 * Probes and pictures that people wait for share one queue and take turns. Renditions and covers are jobs, and the
 * number of workers bounds them.
 */
export function mediaQueue(media: Media, queue: FairQueue): Media {
  const queued = <T>({ person = "", signal }: RunOptions, work: () => Promise<T>) =>
    queue.run(person, signal, work);
  return {
    ...media,
    probe: (file, options = { signal: new AbortController().signal }) =>
      queued(options, () => media.probe(file, options)),
    pictureInfo: (file, options) => queued(options, () => media.pictureInfo(file, options)),
    frame: (input, output, info, options) => queued(options, () => media.frame(input, output, info, options)),
    picture: (input, output, options) => queued(options, () => media.picture(input, output, options)),
  };
}
