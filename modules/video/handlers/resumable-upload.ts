import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { type Call, requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ResumableRow, ResumableStore } from "../resumable-store.ts";
import { endOfSession, resumableLifetimeMs, writerMs } from "../rules.ts";
import { roomBesideOthers, roomFor, takeOver, type UploadParts } from "./add-upload.ts";

type Resumables = PerCall<ResumableStore>;
type VideoHandlers = Handlers<typeof VideoService>;
type Names = `${"begin" | "get" | "lock" | "unlock" | "finish"}ResumableUpload` | "cancelUpload";

/** Of one person. */
const maxUnfinished = 50;

/** Uploads that come in pieces, whoever receives the pieces. */
export function resumableUploads(
  resumables: Resumables,
  parts: UploadParts,
  ids: Ids,
): Pick<VideoHandlers, Names> {
  const { store, blobs, jobs } = parts;

  function ownUpload(request: { id: string }, call: Call): [UploadId, UserId] {
    const ownerId = requireCaller(call) as UserId;
    if (!isId(request.id)) throw refusal("UPLOAD_NOT_FOUND");
    return [request.id as UploadId, ownerId];
  }

  async function ownRow(id: UploadId, ownerId: UserId, call: ServedCall): Promise<ResumableRow> {
    const row = await resumables(call).find(id, ownerId);
    if (!row) throw refusal("UPLOAD_NOT_FOUND");
    return row;
  }

  /** An upload as it is, whatever a process that died could not note of it. Error: UPLOAD_NOT_FOUND. */
  async function asItIs(row: ResumableRow, call: ServedCall): Promise<ResumableRow> {
    const [id, ownerId] = [row.id as UploadId, row.owner_id as UserId];
    if (row.partial && (await blobs.partialSize(row.partial)) > 0) return row;
    const finished = await store(call).finished(id, ownerId);
    // It was not published in time.
    if (!row.partial && !finished) throw refusal("UPLOAD_NOT_FOUND");
    // A process died after the file had its place.
    if (row.partial && finished) await resumables.lasting.finish(id, ownerId);
    return finished ? { ...row, partial: "" } : row;
  }

  /** Goes on where a process died before the file had its place. */
  async function place(
    staged: string,
    { sourceKey, upload }: NonNullable<Awaited<ReturnType<UploadParts["store"]["lasting"]["finished"]>>>,
  ) {
    await blobs.commit(staged, sourceKey);
    if (!(await store.lasting.keepsBlob(sourceKey, jobs))) throw refusal("UPLOAD_NOT_FOUND");
    return upload;
  }

  /** Its room may have been given away while nothing came. */
  async function refuseWithoutRoom(row: ResumableRow, writer: string, call: ServedCall): Promise<void> {
    const received = Number(row.received_bytes);
    const sizeBytes = Number(row.size_bytes);
    const room = roomBesideOthers({ sizeBytes, placedBytes: 0 }, parts);
    try {
      // It is among them, whole: it has a writer.
      const { own, ofAddress, all, placed } = await resumables(call).unpublished(row);
      await room({ own, ofAddress: Math.max(0, ofAddress - sizeBytes), all: all - sizeBytes, placed });
    } catch (error) {
      await resumables.lasting.unlock(row.id as UploadId, row.owner_id as UserId, writer, received);
      throw error;
    }
  }

  return {
    async beginResumableUpload({ sizeBytes, address }, call) {
      const ownerId = requireCaller(call) as UserId;
      const room = roomFor({ sizeBytes, placedBytes: 0 }, parts);
      const begun = await resumables(call)
        .begin(
          { id: ids.next() as UploadId, ownerId, address, sizeBytes, partial: blobs.partialName() },
          async (unpublished, unfinished) => {
            if (unfinished >= maxUnfinished)
              throw refusal("UPLOADS_UNFINISHED_TOO_MANY", { max: maxUnfinished });
            await room(unpublished);
          },
        )
        .catch(endOfSession);
      return toResumable(begun);
    },
    async getResumableUpload(request, call) {
      const [id, ownerId] = ownUpload(request, call);
      return toResumable(await asItIs(await ownRow(id, ownerId, call), call));
    },
    async lockResumableUpload(request, call) {
      const [id, ownerId] = ownUpload(request, call);
      const { writer, uncheckedFrom, receivedBytes } = request;
      const by = { writer, uncheckedFrom, receivedBytes, forMs: writerMs };
      const locked = await resumables(call).lock(id, ownerId, by);
      const row = await asItIs(locked ?? (await ownRow(id, ownerId, call)), call);
      if (!locked) throw refusal("UPLOAD_LOCKED");
      const isFirst = uncheckedFrom === undefined && receivedBytes === undefined;
      if (isFirst && row.partial) await refuseWithoutRoom(row, writer, call);
      return toResumable(row);
    },
    async unlockResumableUpload(request, call) {
      const [id, ownerId] = ownUpload(request, call);
      return { exists: await resumables(call).unlock(id, ownerId, request.writer, request.receivedBytes) };
    },
    async finishResumableUpload(request, call) {
      const [id, ownerId] = ownUpload(request, call);
      const row = await asItIs(await ownRow(id, ownerId, call), call);
      const finished = await store(call).finished(id, ownerId);
      if (finished && !row.partial) return finished.upload;
      const staged = row.partial;
      const sizeBytes = Number(row.size_bytes);
      if ((await blobs.partialSize(staged)) !== sizeBytes) throw refusal("UPLOAD_NOT_FOUND");
      const file = { id, ownerId, staged, sha256: request.sha256, sizeBytes, address: row.address };
      const answer = await (finished
        ? place(staged, finished)
        : takeOver(file, undefined, parts, call)
      ).catch(async (error) => {
        // It was cancelled while it was looked at.
        if (isMissing(error)) throw refusal("UPLOAD_NOT_FOUND");
        if (isForGood(error)) {
          await resumables.lasting.forget(id, ownerId);
          await blobs.discard(staged);
        }
        throw error;
      });
      await resumables.lasting.finish(id, ownerId);
      return answer;
    },
    async cancelUpload(request, call) {
      const [id, ownerId] = ownUpload(request, call);
      const partial = await resumables(call).cancel(id, ownerId, jobs);
      if (partial === undefined) throw refusal("UPLOAD_NOT_FOUND");
      if (partial) await blobs.discard(partial);
      return {};
    },
  };
}

function toResumable({ id, partial, size_bytes, touched_at, unchecked_from }: ResumableRow) {
  return {
    id,
    partial,
    sizeBytes: Number(size_bytes),
    expiresAtMs: touched_at.getTime() + resumableLifetimeMs,
    uncheckedFrom: unchecked_from === null ? undefined : Number(unchecked_from),
  };
}

/** Whether the file itself was refused, so that asking again would not help. */
function isForGood(error: unknown): boolean {
  return error instanceof DomainError && ["invalid", "too-large"].includes(error.kind);
}

const isMissing = (error: unknown) => (error as { code?: string }).code === "ENOENT";
