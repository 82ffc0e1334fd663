import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FinishMediaJobRequestSchema } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Job } from "#platform/jobs/workers.ts";
import type { Bench, Made } from "./bench.ts";
import { draftsIn } from "./bench.ts";
import { ownCall, type RemoteOrder, type VideoClient } from "./remote-desk.ts";
import { largestPieceBytes } from "./rules.ts";

const againMs = 1_000;
const finishMs = 60_000;
/** A large file is hashed and put in its place: if that takes longer, it is asked for again. */
const placeMs = 25_000;
const passing = ["unavailable", "deadline", "exhausted"];

/** A bench in another process than the video's module: the input comes by RPC in pieces, and so go the files made. */
export function remoteBench(
  video: VideoClient,
  of: { worker: string; order: RemoteOrder; job: Job; scratch: BlobStore; noteProgress(done: number): void },
): Bench {
  const { worker, order, job, scratch } = of;
  const at = { worker, jobId: job.id };
  const drafts = draftsIn(scratch);

  /** Until the service is there, or the job is somebody else's. */
  async function patiently<T>(ask: () => Promise<T>, signal = job.signal): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof DomainError) || error.reason === "DISK_FULL") throw error;
        // Of the delivery: it says nothing of the file from which the video is made.
        if (!passing.includes(error.kind)) throw new Error(`${error.reason}: ${error.message}`);
        await delay(againMs, undefined, { signal }).catch(() => {});
      }
    }
  }
  const call = (lastsMs?: number) => ownCall(job.traceId, job.signal, lastsMs);

  /** Goes on after an interruption where it was; what came is what was meant, or it comes to nothing. */
  async function fetchInput(path: string): Promise<void> {
    const { inputKey, inputBytes } = order;
    if ((await scratch.freeBytes()) < inputBytes) throw refusal("DISK_FULL");
    const hash = createHash("sha256");
    const file = await open(path, "w", 0o600);
    try {
      for (let from = 0; from < inputBytes; ) {
        const { content } = await patiently(() =>
          video.readMediaInput({ ...at, key: inputKey, from }, call()),
        );
        if (content.length === 0) throw new Error(`${inputKey} ended after ${from} of ${inputBytes} bytes`);
        hash.update(content);
        await file.writeFile(content);
        from += content.length;
      }
    } finally {
      await file.close();
    }
    if (!inputKey.includes(`/${hash.digest("hex")}.`)) throw new Error(`${inputKey} came with other content`);
  }

  return {
    order,
    ...drafts,
    async withInput(use) {
      const draft = await drafts.draft("bin");
      try {
        await fetchInput(draft.path);
        return await use(draft.path);
      } finally {
        await drafts.discard(draft);
      }
    },
    async keep({ name, path }, namespace, signal) {
      const { sha256, sizeBytes } = await scratch.adopt(name, signal);
      const file = await open(path, "r");
      try {
        const piece = Buffer.alloc(largestPieceBytes);
        let staged = "";
        for (let from = 0; from < sizeBytes; ) {
          const { bytesRead } = await file.read(piece, 0, piece.length, from);
          if (bytesRead === 0) throw new Error("a draft became shorter");
          const content = piece.subarray(0, bytesRead);
          const request = { ...at, staged, at: from, sizeBytes, content };
          ({ staged } = await patiently(() => video.writeMediaFile(request, call())));
          from += bytesRead;
        }
        const { key } = await patiently(() =>
          video.placeMediaFile({ ...at, staged, namespace, sha256 }, call(placeMs)),
        );
        return { key, sizeBytes };
      } finally {
        await file.close();
      }
    },
    progress: of.noteProgress,
    async finish(made) {
      // Also when the time of the job is over.
      const finish = () => video.finishMediaJob({ ...at, made: toMessage(made) }, ownCall(job.traceId));
      await patiently(finish, AbortSignal.timeout(finishMs));
    },
  };
}

const plan = ({ sizeBytes: _, ...storyboard }: NonNullable<Extract<Made, { kind: "rungs" }>["storyboard"]>) =>
  storyboard;

function toMessage(made: Made): MessageInitShape<typeof FinishMediaJobRequestSchema>["made"] {
  if (made.kind === "refused")
    return { case: "refused", value: { reason: made.reason, message: made.message } };
  if (made.kind === "published") {
    const { play, cover, thumbHash, coverTimesMs, copied, info, rungs } = made;
    const { durationMs, width, height, notices } = info;
    const shown = { durationMs, width, height, notices };
    const files = { playKey: play.key, sizeBytes: play.sizeBytes, coverKey: cover.key, thumbHash, copied };
    return { case: "published", value: { ...files, ...shown, coverTimesMs, rungs } };
  }
  const rungs = made.rungs.map(({ fps, fragments, ...rung }) => ({
    ...rung,
    fps: fps.num / fps.den,
    fragmentBytes: fragments.map(({ bytes }) => bytes),
    fragmentUs: fragments.map(({ durationUs }) => durationUs),
  }));
  const { wanted, loudness, storyboard } = made;
  return {
    case: "rungs",
    value: {
      rungs,
      wanted,
      ...(loudness && { loudness }),
      ...(storyboard && { storyboard: plan(storyboard) }),
    },
  };
}
