import { DomainError } from "#platform/errors/domain-error.ts";
import type { Media, MediaInfo } from "#platform/media/media-tool.ts";
import { rungsOf } from "#platform/media/plan.ts";
import type { Logger } from "#platform/observe/log.ts";
import { type Bench, type Made, type MadeRung, withDrafts } from "./bench.ts";
import { VideoGone } from "./keep-blob.ts";

/** Makes the rungs of a published video. */
export async function makeLadder(
  bench: Bench,
  media: Media,
  signal: AbortSignal,
  log: Logger,
): Promise<Made> {
  const { order } = bench;

  /** Some rungs from one decode. */
  const make = (input: string, info: MediaInfo, sides: number[]) =>
    withDrafts(
      bench,
      sides.map(() => "mp4"),
      async (drafts) => {
        const outputs = sides.map((shortSidePx, at) => ({ shortSidePx, output: drafts[at]!.path }));
        const rungs = await media.ladder(input, outputs, info, { signal });
        const made: MadeRung[] = [];
        for (const [at, draft] of drafts.entries())
          made.push({ ...rungs[at]!, ...(await bench.keep(draft, "video", signal)), shortSide: sides[at]! });
        return made;
      },
    );

  return bench.withInput(async (input) => {
    const info = order.info ?? (await media.probe(input, { signal, person: order.authorId }));
    const sides = rungsOf(info, order.shortSidesPx);
    // At last one by one: a rung that cannot be made leaves the others.
    const together = !order.isLastTry;
    const rungs: MadeRung[] = [];
    let failure: unknown;
    for (const some of together && sides.length > 0 ? [sides] : sides.map((side) => [side]))
      try {
        rungs.push(...(await make(input, info, some)));
      } catch (error) {
        if (together || error instanceof VideoGone || isInterrupted(signal)) throw error;
        log.warn({ err: error, videoId: order.id, rungs: some }, "could not make a rung");
        failure = error;
        if (signal.aborted) break;
      }
    if (rungs.length === 0 && failure) throw failure;
    return { kind: "rungs", rungs, wanted: sides.length };
  });
}

/** Somebody else will go on; out of time, it ends with what there is. */
function isInterrupted({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DomainError && reason.reason === "JOB_TOO_SLOW");
}
