import type { FairQueue } from "../protect/fair-queue.ts";
import type { Media, RunOptions } from "./media-tool.ts";

/**
 * Puts what people wait for, probes and pictures, in one line in which they take turns. Renditions and covers are
 * made by jobs, whose number is bounded by the workers there are.
 */
export function mediaLine(media: Media, queue: FairQueue): Media {
  const inLine = <T>({ person = "", signal }: RunOptions, work: () => Promise<T>) =>
    queue.run(person, signal, work);
  return {
    ...media,
    probe: (file, options = { signal: new AbortController().signal }) =>
      inLine(options, () => media.probe(file, options)),
    picture: (input, output, options) => inLine(options, () => media.picture(input, output, options)),
  };
}
