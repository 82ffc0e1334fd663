import { DomainError } from "#platform/errors/domain-error.ts";
import type { Loudness } from "#platform/media/loudness.ts";
import type { Media, MediaInfo, Rung } from "#platform/media/media-tool.ts";
import { rungsOf } from "#platform/media/plan.ts";
import type { Storyboard } from "#platform/media/storyboard.ts";
import type { Logger } from "#platform/observe/log.ts";
import { type Bench, type KeptFile, type Made, type MadeRung, withDrafts } from "./bench.ts";
import { VideoGone } from "./keep-blob.ts";

/** Makes the rungs of a published video. */
export async function makeLadder(
  bench: Bench,
  media: Media,
  signal: AbortSignal,
  log: Logger,
): Promise<Made> {
  const { order } = bench;

  let kept = 0;
  let storyboard: (Storyboard & KeptFile) | null = null;

  /** Of the smallest rung, which is read fastest. A video goes without it if it cannot be made. */
  async function makeStoryboard(rung: string, info: { durationMs: number; width: number; height: number }) {
    try {
      return await withDrafts(bench, ["jpg"], async ([draft]) => {
        const plan = await media.storyboard(rung, draft!.path, info, { signal });
        return { ...plan, ...(await bench.keep(draft!, "storyboard", signal)) };
      });
    } catch (error) {
      if (error instanceof VideoGone || !isFileAtFault(error)) throw error;
      log.warn({ err: error, videoId: order.id }, "could not make a storyboard");
      return null;
    }
  }

  /** Some rungs from one decode. */
  const make = (input: string, info: MediaInfo, sides: number[], measured: Loudness | null) =>
    withDrafts(
      bench,
      sides.map(() => "mp4"),
      async (drafts) => {
        const outputs = sides.map((shortSidePx, at) => ({ shortSidePx, output: drafts[at]!.path }));
        const loudness = { measured, targetLufs: order.loudnessLufs };
        const rungs = await media.ladder(input, outputs, info, { signal, loudness });
        const [{ width, height }] = rungs as [Rung];
        storyboard ??= await makeStoryboard(drafts[0]!.path, { durationMs: info.durationMs, width, height });
        const made: MadeRung[] = [];
        for (const [at, draft] of drafts.entries()) {
          made.push({ ...rungs[at]!, ...(await bench.keep(draft, "video", signal)), shortSide: sides[at]! });
          bench.progress(++kept / rungsOf(info, order.shortSidesPx).length);
        }
        return made;
      },
    );

  return bench.withInput(async (input) => {
    const info = order.info ?? (await media.probe(input, { signal, person: order.authorId }));
    const sides = rungsOf(info, order.shortSidesPx);
    const loudness = sides.length > 0 ? await media.loudness(input, info, { signal }) : null;
    // At last one by one: a rung that cannot be made leaves the others.
    const together = !order.isLastTry;
    const rungs: MadeRung[] = [];
    let failure: unknown;
    for (const some of together && sides.length > 0 ? [sides] : sides.map((side) => [side]))
      try {
        rungs.push(...(await make(input, info, some, loudness)));
      } catch (error) {
        if (together || error instanceof VideoGone || isInterrupted(signal)) throw error;
        log.warn({ err: error, videoId: order.id, rungs: some }, "could not make a rung");
        failure = error;
        if (signal.aborted) break;
      }
    if (rungs.length === 0 && failure) throw failure;
    return { kind: "rungs", rungs, wanted: sides.length, loudness, storyboard };
  });
}

function isFileAtFault(error: unknown): boolean {
  return error instanceof DomainError && error.kind === "invalid";
}

/** Somebody else will go on; out of time, it ends with what there is. */
function isInterrupted({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DomainError && reason.reason === "JOB_TOO_SLOW");
}
