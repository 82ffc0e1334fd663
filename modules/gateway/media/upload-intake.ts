import type { Readable } from "node:stream";
import type { Upload } from "#contracts/gen/video_pb.ts";
import { quotaExceeded } from "#contracts/quota.ts";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore, Staged } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { sniffAnyPicture, sniffPostPicture, sniffVideo } from "#platform/media/magic.ts";
import { DEFAULT_MEDIA_LIMITS } from "#platform/media/media-limits.ts";
import { refusals } from "#platform/media/refusals.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { GatewayClients } from "../gateway-calls.ts";

const maxProfilePictureBytes = 8 * 1024 * 1024;
const { maxPictureBytes } = DEFAULT_MEDIA_LIMITS;
const formBytes = 64 * 1024;

/** The largest file without a token before it. */
const unknownMaxBytes = 5 * 1024 * 1024;
/** Concurrent uploads of one person, or of an address without a known person. */
const filesAtOnce = 8;
/** Bytes of concurrent uploads, in largest files: a school may share one address. */
const largestOfPerson = 2;
const largestOfAddress = 8;
const retryAfterMs = 10_000;

export interface Sender {
  /** The sender; undefined before a token is shown. */
  person: string | undefined;
  address: string;
  /** The size of the file, if announced. */
  sizeBytes: number | undefined;
  /** The size of the body that contains the file. */
  expectedBytes?: number;
}

/** Takes files from strangers: checks the first bytes, streams the file to its place and counts on the way. */
export interface UploadIntake {
  /** Errors: NOT_A_VIDEO at once, BODY_TOO_LARGE, EMPTY_FILE, UPLOAD_INCOMPLETE, DISK_FULL, TOO_MANY_REQUESTS. */
  receiveVideo(source: Readable, from: Sender): Promise<Staged>;
  /** The same, also for pictures of posts. Errors besides: PICTURE_UNSUPPORTED at once. */
  receiveMedia(source: Readable, from: Sender): Promise<Staged>;
  /** Errors: NOT_A_PICTURE at once, and as above. */
  receivePicture(source: Readable, from: Sender): Promise<Staged>;
  /**
   * Refuses a file that the caller may not keep, before it comes; what another one takes meanwhile is found when it is
   * added. Error: QUOTA_EXCEEDED.
   */
  refuseOverQuota(from: Pick<Sender, "sizeBytes" | "expectedBytes">, call: Call): Promise<void>;
  /** Counts a new upload. Errors: TOO_MANY_REQUESTS, BODY_TOO_LARGE. */
  announceVideo(from: Sender): Promise<void>;
  /**
   * Runs `receive` while the sender is one of those who may send so many bytes at once. Error: TOO_MANY_REQUESTS.
   */
  receivePiece<T>(from: Sender, receive: () => Promise<T>): Promise<T>;
  /** Passes a staged file to the video service, which probes it. The file is removed if it is refused. */
  addUpload(staged: Staged, address: string, call: Call): Promise<Upload>;
}

export function createUploadIntake(
  blobs: BlobStore,
  video: GatewayClients["video"],
  protect: Pick<Protection, "rateLimit" | "concurrencyLimit">,
  maxVideoBytes: number,
  quotaBytes = 0,
): UploadIntake {
  const uploads = protect.rateLimit("uploads", { burst: 30, perMinute: 10 });
  const atOnce = (name: string, max: number) => protect.concurrencyLimit(name, { max, retryAfterMs });
  const files = atOnce("files on their way", filesAtOnce);
  const bytesOfPerson = atOnce("bytes on their way of people", largestOfPerson * maxVideoBytes);
  const bytesOfAddress = atOnce("bytes on their way of addresses", largestOfAddress * maxVideoBytes);

  /** Takes the places that a file needs during its upload; returns a function that releases them. */
  async function enter({ person, address }: Sender, bytes: number): Promise<() => void> {
    const leaves: (() => void)[] = [];
    const leave = () => {
      for (const one of leaves) one();
    };
    try {
      leaves.push(await files.enter(person ?? address));
      if (person) leaves.push(await bytesOfPerson.enter(person, bytes));
      leaves.push(await bytesOfAddress.enter(address, bytes));
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  async function receive(
    source: Readable,
    from: Sender,
    mostBytes: number,
    inspect: (first: Buffer) => void,
  ): Promise<Staged> {
    // It may fail while a limit is checked; the first read reports that. An error without a listener would end the
    // process.
    source.on("error", () => {});
    const { person, address } = from;
    await uploads.take(person ?? address);
    const maxBytes = person ? mostBytes : Math.min(mostBytes, unknownMaxBytes);
    const announcedBytes = from.expectedBytes ?? from.sizeBytes;
    // A form is a little larger than its file.
    if ((announcedBytes ?? 0) > maxBytes + formBytes) throw person ? tooLarge(maxBytes) : tokenFirst();
    // An announced size that is too large is refused before a byte is stored.
    if ((from.sizeBytes ?? 0) > maxBytes) throw tooLarge(maxBytes);
    // Room is promised for no more than may come.
    const expectedBytes = announcedBytes && Math.min(announcedBytes, maxBytes);
    const leave = await enter(from, expectedBytes ?? maxBytes);
    try {
      return await blobs.receive(source, { maxBytes, inspect, expectedBytes });
    } catch (error) {
      const tooLarge = error instanceof DomainError && error.reason === "BODY_TOO_LARGE";
      throw tooLarge && maxBytes < mostBytes ? tokenFirst() : error;
    } finally {
      leave();
    }
  }

  return {
    receiveVideo: (source, from) => receive(source, from, maxVideoBytes, refuseOtherThanVideo),
    receiveMedia: (source, from) =>
      receive(source, from, maxVideoBytes, (first) => refuseOtherThanMedia(first, from.sizeBytes)),
    async refuseOverQuota({ sizeBytes, expectedBytes = 0 }, call) {
      if (quotaBytes === 0 || !call.callerId) return;
      // A file has a byte at least.
      const least = sizeBytes ?? Math.max(1, expectedBytes - formBytes);
      const { usedBytes } = await video.getStorage({}, call);
      if (usedBytes + least > quotaBytes) throw quotaExceeded(usedBytes, quotaBytes);
    },
    async announceVideo({ person, address, sizeBytes }) {
      await uploads.take(person ?? address);
      if ((sizeBytes ?? 0) > maxVideoBytes) throw tooLarge(maxVideoBytes);
    },
    async receivePiece(from, receive) {
      const leave = await enter(from, Math.min(from.sizeBytes ?? maxVideoBytes, maxVideoBytes));
      return receive().finally(leave);
    },
    receivePicture: (source, from) =>
      receive(source, from, maxProfilePictureBytes, (first) => {
        if (sniffAnyPicture(first) === null) throw refusal("NOT_A_PICTURE");
      }),
    async addUpload(staged, address, call) {
      try {
        return await video.addUpload(
          { staged: staged.name, sha256: staged.sha256, sizeBytes: staged.sizeBytes, address },
          call,
        );
      } catch (error) {
        // The request may never have reached the service.
        await blobs.discard(staged.name);
        throw error;
      }
    },
  };
}

/** Looks at the first bytes of a file. Error: NOT_A_VIDEO. */
function refuseOtherThanVideo(first: Buffer): void {
  if (sniffVideo(first) === null)
    throw refusal("NOT_A_VIDEO", "This is not a video. Send an MP4, MOV, WebM, MKV, AVI, FLV or MPEG file.");
}

/**
 * The same for a file that may be a picture of a post too. Errors: NOT_A_VIDEO, PICTURE_UNSUPPORTED, and BODY_TOO_LARGE
 * if the size is known.
 */
export function refuseOtherThanMedia(first: Buffer, sizeBytes: number | undefined): void {
  const picture = sniffPostPicture(first);
  if (picture === null) refuseOtherThanVideo(first);
  else if (picture === "gif" || picture === "moving") throw refusals.pictureUnsupported(picture);
  else if ((sizeBytes ?? 0) > maxPictureBytes) throw tooLarge(maxPictureBytes);
}

export function tooLarge(maxBytes: number): DomainError {
  return refusal("BODY_TOO_LARGE", { megabytes: Math.floor(maxBytes / 1024 / 1024) });
}

function tokenFirst(): DomainError {
  return refusal(
    "LOGIN_REQUIRED",
    `Send the token before the file, in the query or as the form's first field: without it at most ${unknownMaxBytes / 1024 / 1024} MB are taken.`,
  );
}
