import type { Readable } from "node:stream";
import type { Upload } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore, Staged } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { sniffPicture, sniffVideo } from "#platform/media/magic.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { GatewayClients } from "../gateway-calls.ts";

const maxPictureBytes = 8 * 1024 * 1024;
const formBytes = 64 * 1024;

/** Who is not known yet sends no larger file: a token comes before it. */
const unknownMaxBytes = 5 * 1024 * 1024;
/** Files that are on their way at once, of one person or of somebody who is not known yet. */
const filesAtOnce = 8;
/** What files on their way may take, in the largest ones there may be: a school may be behind one address. */
const largestOfPerson = 2;
const largestOfAddress = 8;
const retryAfterMs = 10_000;

export interface Sender {
  /** Who sends it; undefined: somebody who has shown no token yet. */
  person: string | undefined;
  address: string;
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
  addUpload(staged: Staged, address: string, call: Call): Promise<Upload>;
}

export function createUploadIntake(
  blobs: BlobStore,
  video: GatewayClients["video"],
  protect: Pick<Protection, "rateLimit" | "concurrencyLimit">,
  maxVideoBytes: number,
): UploadIntake {
  const uploads = protect.rateLimit("uploads", { burst: 30, perMinute: 10 });
  const atOnce = (name: string, max: number) => protect.concurrencyLimit(name, { max, retryAfterMs });
  const files = atOnce("files on their way", filesAtOnce);
  const bytesOfPerson = atOnce("bytes on their way of people", largestOfPerson * maxVideoBytes);
  const bytesOfAddress = atOnce("bytes on their way of addresses", largestOfAddress * maxVideoBytes);

  /** Takes the places that a file needs while it is on its way; the answer gives them back. */
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
    // It may fail while a limit is asked, which the first read tells of; an error without a listener ends the process.
    source.on("error", () => {});
    const { person, address } = from;
    await uploads.take(person ?? address);
    const maxBytes = person ? mostBytes : Math.min(mostBytes, unknownMaxBytes);
    const expectedBytes = from.expectedBytes ?? from.sizeBytes;
    // A form is a little larger than its file.
    if (!person && expectedBytes !== undefined && expectedBytes > maxBytes + formBytes) throw tokenFirst();
    // What says itself that it is too large is refused before a byte is kept.
    if ((from.sizeBytes ?? 0) > maxBytes) {
      const megabytes = Math.floor(maxBytes / 1024 / 1024);
      throw refusal("BODY_TOO_LARGE", { megabytes });
    }
    const leave = await enter(from, Math.min(expectedBytes ?? maxBytes, maxBytes));
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
    receiveVideo: (source, from) =>
      receive(source, from, maxVideoBytes, (first) => {
        if (sniffVideo(first) === null)
          throw refusal(
            "NOT_A_VIDEO",
            "This is not a video. Send an MP4, MOV, WebM, MKV, AVI, FLV or MPEG file.",
          );
      }),
    receivePicture: (source, from) =>
      receive(source, from, maxPictureBytes, (first) => {
        if (sniffPicture(first) === null) throw refusal("NOT_A_PICTURE");
      }),
    async addUpload(staged, address, call) {
      try {
        return await video.addUpload(
          { staged: staged.name, sha256: staged.sha256, sizeBytes: staged.sizeBytes, address },
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

function tokenFirst(): DomainError {
  return refusal(
    "LOGIN_REQUIRED",
    `Send the token before the file, in the query or as the form's first field: without it at most ${unknownMaxBytes / 1024 / 1024} MB are taken.`,
  );
}
