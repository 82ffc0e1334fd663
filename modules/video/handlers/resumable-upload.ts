import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import { type Call, requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import { type Lasting, lastingWork } from "#platform/rpc/lasting-work.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ResumableRow, ResumableStore } from "../resumable-store.ts";
import { endOfSession, refuseMoreUnfinished, resumableExpiryMs, writerMs } from "../rules.ts";
import { roomBesideOthers, roomFor, type UploadParts } from "./add-upload.ts";
import { finishUpload } from "./finish-upload.ts";

type Resumables = PerCall<ResumableStore>;
type VideoHandlers = Handlers<typeof VideoService>;
type Names = `${"begin" | "get" | "lock" | "unlock" | "finish"}ResumableUpload` | "cancelUpload";

/** Uploads that come in pieces, whoever receives the pieces. */
export function resumableUploads(
  resumables: Resumables,
  parts: UploadParts,
  ids: Ids,
  stopping: AbortSignal,
): Pick<VideoHandlers, Names> {
  const { store, blobs, jobs } = parts;
  /** By file. */
  const finishing = lastingWork<Awaited<ReturnType<typeof finishUpload>>>(stopping);

  function ownUpload(request: { id: string }, call: Call): [UploadId, UserId] {
    const ownerId = requireCaller(call) as UserId;
    if (!isId(request.id)) throw refusal("UPLOAD_NOT_FOUND");
    return [request.id as UploadId, ownerId];
  }

  async function ownRow(id: UploadId, ownerId: UserId, call: ServedCall): Promise<ResumableRow> {
    const row = await resumables(call).find(id, ownerId);
    if (!row || row.direct !== null) throw refusal("UPLOAD_NOT_FOUND");
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
      const partial = await blobs.partialName();
      const begun = await resumables(call)
        .begin(
          { id: ids.next() as UploadId, ownerId, address, sizeBytes, partial },
          async (unpublished, unfinished) => {
            refuseMoreUnfinished(unfinished);
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
      const hash = async () => {
        if ((await blobs.partialSize(row.partial)) !== Number(row.size_bytes))
          throw refusal("UPLOAD_NOT_FOUND");
        return request.sha256;
      };
      const key = `${ownerId} ${id} ${request.sha256}`;
      const begin = (late: Lasting) => finishUpload(row, hash, resumables, parts, { ...call, ...late });
      return finishing.find(key) ?? finishing.start(key, begin);
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

function toResumable(row: ResumableRow) {
  const { id, partial, size_bytes, unchecked_from } = row;
  return {
    id,
    partial,
    sizeBytes: Number(size_bytes),
    expiresAtMs: resumableExpiryMs(row),
    uncheckedFrom: unchecked_from === null ? undefined : Number(unchecked_from),
  };
}
