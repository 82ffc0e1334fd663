import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ResumableUpload } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { AppendOptions, BlobStore } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { type Call, withinDeadline } from "#platform/rpc/call.ts";
import { lastingWork } from "#platform/rpc/lasting-work.ts";
import type { Signals } from "#platform/signals/signals.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { refuseOtherThanMedia, type Sender, type UploadIntake } from "./upload-intake.ts";

const renewEveryMs = 2_000;
/** Without a renewal for so long one writes no more: soon another one may. */
const trustMs = 4_500;
/** How long one waits for the end of an earlier connection: longer than a process that died keeps its lock. */
const takeOverMs = 8_000;
const retryMs = 100;
/** No service is given longer for one call; who asks again waits for the same work. */
const askMs = 25_000;
/** Of files that are read and looked at, which people do in turn. */
const inTurn = {
  help: "Files that came in pieces and wait to be looked at",
  concurrency: 4,
  perKey: 2,
  maxWaiting: 100,
  maxWaitingPerKey: 10,
  maxWaitMs: 60_000,
};
const channel = "uploads-taken-over";

/** A piece of a file and where it begins. */
interface Piece {
  source: Readable;
  at: number;
  checksum: AppendOptions["checksum"];
}

/** What is known of an upload that comes in pieces. */
interface Progress {
  id: string;
  offset: number;
  sizeBytes: number;
  expiresAtMs: number;
}

/** An upload whose only writer one is. */
interface Held {
  /** As it was when the lock began. */
  readonly upload: ResumableUpload;
  readonly writer: string;
  /** False once the lock is lost, or may be. */
  isWriter(): boolean;
  lock(more: { uncheckedFrom?: number }): Promise<ResumableUpload>;
  /** What is read meanwhile: it is told when the lock is lost. */
  source: Readable | undefined;
}

/**
 * Receives files in pieces (tus 1.0), each appended by one connection at a time. A newer connection takes over from an
 * older one, which is most likely dead. With its last byte an upload is finished, or when it is asked for afterwards: the
 * answer to the last piece may have been lost.
 */
export function createResumableIntake(
  blobs: BlobStore,
  video: GatewayClients["video"],
  intake: Pick<UploadIntake, "announceVideo" | "receivePiece">,
  signals: Signals,
  protect: Pick<Protection, "fairQueue">,
) {
  const queue = protect.fairQueue("resumable_upload_queue", inTurn);
  const stopping = new AbortController();
  /** Of uploads that are whole, by their senders. */
  const finishing = lastingWork<void>(stopping.signal);
  const finishingKey = (id: string, { callerId }: Call) => `${callerId} ${id}`;
  function startFinishing(id: string, call: Call, work: (late: Call) => Promise<void>): Promise<void> {
    return finishing.start(finishingKey(id, call), (late) =>
      queue.run(call.callerId ?? "", late.signal, () => work({ ...call, ...late })),
    );
  }
  /** The sources that are read now, and whose they are. */
  const open = new Map<string, { source: Readable; writer: string }>();
  /** Ends the connection that sends an upload, unless it is that of `writer`. */
  function interrupt(id: string, writer: string): void {
    const one = open.get(id);
    if (one && one.writer !== writer) one.source.emit("error", refusal("UPLOAD_TAKEN_OVER"));
  }
  async function interruptEverywhere(id: string, writer: string): Promise<void> {
    interrupt(id, writer);
    await signals.tell(channel, `${id} ${writer}`);
  }
  signals.listen(channel, (message) => {
    const [id = "", writer = ""] = message.split(" ");
    interrupt(id, writer);
  });

  /** Runs `work` as the only writer. Errors: UPLOAD_LOCKED, UPLOAD_NOT_FOUND, those of VideoService.LockResumableUpload. */
  async function asWriter<T>(id: string, call: Call, work: (held: Held) => Promise<T>): Promise<T> {
    const writer = randomUUID();
    let renewedMs = performance.now();
    // It is held for as long as the piece takes, however long its sender wanted to wait at first.
    const lock = async (more: { uncheckedFrom?: number; receivedBytes?: number } = {}) => {
      const askedMs = performance.now();
      const locked = await video.lockResumableUpload({ id, writer, ...more }, lasting(call));
      renewedMs = askedMs;
      return locked;
    };
    const upload = await takeOver(id, writer, lock);
    let lost = false;
    const isWriter = () => !lost && performance.now() - renewedMs < trustMs;
    let renewal: Promise<void> = Promise.resolve();
    const renew = async () => {
      const receivedBytes = await blobs.partialSize(upload.partial);
      await lock({ receivedBytes });
    };
    const held: Held = { upload, writer, isWriter, lock, source: undefined };
    const renewing = setInterval(() => {
      renewal = renew().catch((error) => {
        lost ||= error instanceof DomainError && isOver.has(error.reason);
      });
      if (!isWriter()) held.source?.emit("error", refusal("UPLOAD_TAKEN_OVER"));
    }, renewEveryMs);
    try {
      return await work(held);
    } finally {
      clearInterval(renewing);
      await renewal;
      const receivedBytes = await blobs.partialSize(upload.partial).catch(() => 0);
      const ended = await video
        .unlockResumableUpload({ id, writer, receivedBytes }, lasting(call))
        // It ends by itself.
        .catch(() => undefined);
      // It was cancelled before its first byte was written.
      if (ended?.exists === false && upload.partial) await blobs.discard(upload.partial);
    }
  }

  async function takeOver(
    id: string,
    writer: string,
    lock: () => Promise<ResumableUpload>,
  ): Promise<ResumableUpload> {
    for (const untilMs = performance.now() + takeOverMs; ; await delay(retryMs)) {
      try {
        const locked = await lock();
        // Somebody who lost the lock without knowing it.
        interrupt(id, writer);
        return locked;
      } catch (error) {
        const isLocked = error instanceof DomainError && error.reason === "UPLOAD_LOCKED";
        if (!isLocked || performance.now() > untilMs) throw error;
        await interruptEverywhere(id, writer);
      }
    }
  }

  async function offsetOf({ partial, sizeBytes, uncheckedFrom }: ResumableUpload): Promise<number> {
    if (!partial) return sizeBytes;
    return Math.min(await blobs.partialSize(partial), uncheckedFrom ?? sizeBytes);
  }

  async function finish({ id, partial }: ResumableUpload, late: Call): Promise<void> {
    const { sha256 } = await blobs.adopt(partial, late.signal).catch((error) => {
      throw error.code === "ENOENT" ? refusal("UPLOAD_NOT_FOUND") : error;
    });
    for (;;) {
      try {
        await video.finishResumableUpload({ id, sha256 }, { ...late, deadlineMs: Date.now() + askMs });
        return;
      } catch (error) {
        const goesOn = error instanceof DomainError && error.kind === "deadline";
        if (!goesOn || late.signal?.aborted) throw error;
      }
    }
  }

  async function progressOf(upload: ResumableUpload): Promise<Progress> {
    const { id, sizeBytes, expiresAtMs } = upload;
    return { id, sizeBytes, expiresAtMs, offset: await offsetOf(upload) };
  }

  const isWhole = ({ offset, sizeBytes }: Progress) => offset === sizeBytes;

  return {
    /** Errors: of UploadIntake.announceVideo and VideoService.BeginResumableUpload. */
    async begin(from: Sender & { sizeBytes: number }, call: Call): Promise<Progress> {
      await intake.announceVideo(from);
      const { sizeBytes, address } = from;
      return progressOf(await video.beginResumableUpload({ sizeBytes, address }, call));
    },

    /** How far an upload is. Errors: UPLOAD_NOT_FOUND, UPLOAD_LOCKED, and those of its end. */
    async progress(id: string, call: Call): Promise<Progress> {
      const upload = await video.getResumableUpload({ id }, call);
      const progress = await progressOf(upload);
      if (!upload.partial || !isWhole(progress)) return progress;
      const one =
        finishing.find(finishingKey(id, call)) ??
        startFinishing(id, call, (late) =>
          asWriter(id, late, async (held) => {
            const { partial } = held.upload;
            if (partial && isWhole(await progressOf(held.upload))) await finish(held.upload, late);
          }),
        );
      await withinDeadline(call, () => one);
      return progress;
    },

    /**
     * Appends a piece, and finishes the upload with its last one. Errors: UPLOAD_NOT_FOUND, UPLOAD_LOCKED,
     * UPLOAD_OFFSET_WRONG, UPLOAD_TAKEN_OVER, NOT_A_VIDEO, those of BlobStore.append and of VideoService.AddUpload.
     */
    async append(
      id: string,
      { source, at, checksum }: Piece,
      from: Sender,
      call: () => Call,
    ): Promise<Progress> {
      source.on("error", () => {});
      let tellWhole = (_call: Call) => {};
      const whole = new Promise<Call>((resolve) => {
        tellWhole = resolve;
      });
      /** The lock is kept until the end, however long its sender waits. */
      const finishHeld = async (upload: ResumableUpload) => {
        const asked = call();
        tellWhole(asked);
        await startFinishing(id, asked, (late) => finish(upload, late));
      };
      const work = asWriter(id, call(), async (held) => {
        const { upload, writer, isWriter } = held;
        const { sizeBytes, partial } = upload;
        const offset = await offsetOf(upload);
        if (offset !== at) throw refusal("UPLOAD_OFFSET_WRONG", { offset });
        if (offset === sizeBytes) {
          if (partial) await finishHeld(upload);
          return progressOf(upload);
        }
        open.set(id, { source, writer });
        held.source = source;
        /** Its first bytes are refused: nothing of the file is wanted. */
        let unwanted = false;
        try {
          if (checksum) await held.lock({ uncheckedFrom: at });
          const inspect = (first: Buffer) => {
            unwanted = true;
            refuseOtherThanMedia(first, sizeBytes);
            unwanted = false;
          };
          await intake.receivePiece(from, () =>
            blobs.append(partial, source, { at, sizeBytes, checksum, inspect, isWriter }),
          );
        } catch (error) {
          if (unwanted) await video.cancelUpload({ id }, lasting(call()));
          throw error;
        } finally {
          if (open.get(id)?.writer === writer) open.delete(id);
        }
        const progress = await progressOf({ ...upload, uncheckedFrom: undefined });
        if (isWhole(progress)) await finishHeld(upload);
        return progress;
      });
      return Promise.race([work, whole.then((asked) => withinDeadline(asked, () => work))]);
    },

    /** Throws an upload away. Error: UPLOAD_NOT_FOUND. */
    async cancel(id: string, call: Call): Promise<void> {
      await video.cancelUpload({ id }, call);
      await interruptEverywhere(id, "");
    },

    /** Ends what is under way. */
    async stop(): Promise<void> {
      stopping.abort();
      await finishing.settled();
    },
  };
}

export type ResumableIntake = ReturnType<typeof createResumableIntake>;

/** After these a writer is none any more. */
const isOver: ReadonlySet<string> = new Set(["UPLOAD_LOCKED", "UPLOAD_NOT_FOUND"]);

/** For what must be told even when the sender is gone. */
const lasting = (call: Call): Call => ({ ...call, signal: undefined, deadlineMs: Date.now() + 5_000 });
