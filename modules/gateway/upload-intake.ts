import type { Readable } from "node:stream";
import type { Upload, VideoService } from "#contracts/gen/video_pb.ts";
import type { BlobStore, Staged } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { sniffPicture, sniffVideo } from "#platform/media/magic.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";

const maxPictureBytes = 8 * 1024 * 1024;

export interface Sender {
  limitKey: string;
  /** Of the file, when it was said. */
  sizeBytes: number | undefined;
  /** Of what the file comes in. */
  expectedBytes?: number;
}

/** Takes files from strangers: first bytes looked at, streamed to their place, measured on the way. */
export interface UploadIntake {
  /** Errors: NOT_A_VIDEO at once, BODY_TOO_LARGE, EMPTY_FILE, UPLOAD_INCOMPLETE, DISK_FULL, TOO_MANY_REQUESTS. */
  receiveVideo(source: Readable, from: Sender): Promise<Staged>;
  /** Errors: NOT_A_PICTURE at once, and as above. */
  receivePicture(source: Readable, from: Sender): Promise<Staged>;
  /** Hands a staged file to the video service, which probes it; it is gone when refused. */
  addUpload(staged: Staged, call: Call): Promise<Upload>;
}

export function createUploadIntake(
  blobs: BlobStore,
  video: Client<typeof VideoService>,
  uploads: RateLimit,
  maxVideoBytes: number,
): UploadIntake {
  async function receive(source: Readable, from: Sender, maxBytes: number, inspect: (first: Buffer) => void) {
    uploads.take(from.limitKey);
    // What says itself that it is too large is refused before a byte is kept.
    if ((from.sizeBytes ?? 0) > maxBytes) {
      const megabytes = Math.floor(maxBytes / 1024 / 1024);
      throw new DomainError(
        "too-large",
        "BODY_TOO_LARGE",
        `The file is larger than the ${megabytes} MB allowed here.`,
      );
    }
    return blobs.receive(source, { maxBytes, inspect, expectedBytes: from.expectedBytes ?? from.sizeBytes });
  }

  return {
    receiveVideo: (source, from) =>
      receive(source, from, maxVideoBytes, (first) => {
        if (sniffVideo(first) === null)
          throw notA("VIDEO", "video. Send an MP4, MOV, WebM, MKV, AVI, FLV or MPEG file");
      }),
    receivePicture: (source, from) =>
      receive(source, from, maxPictureBytes, (first) => {
        if (sniffPicture(first) === null)
          throw notA("PICTURE", "picture. Send a JPEG, PNG, WebP or GIF file");
      }),
    async addUpload(staged, call) {
      try {
        return await video.addUpload(
          { staged: staged.name, sha256: staged.sha256, sizeBytes: staged.sizeBytes },
          call,
        );
      } catch (error) {
        // The service may never have heard of it.
        await blobs.discard(staged.name);
        throw error;
      }
    },
  };
}

function notA(what: string, sentence: string): DomainError {
  return new DomainError("invalid", `NOT_A_${what}`, `This is not a ${sentence}.`);
}
