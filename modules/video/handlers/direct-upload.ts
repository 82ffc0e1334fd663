import { randomUUID } from "node:crypto";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { DirectUploads } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import { lastingWork } from "#platform/rpc/lasting-work.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ResumableRow, ResumableStore } from "../resumable-store.ts";
import { directLifetimeMs, endOfSession, refuseMoreUnfinished, writerMs } from "../rules.ts";
import { roomFor, type UploadParts } from "./add-upload.ts";
import { finishUpload } from "./finish-upload.ts";

const renewEveryMs = writerMs / 3;
/** Of files that are read and looked at, which people do in turn. */
const inTurn = {
  help: "Files put straight into S3 that wait to be looked at",
  concurrency: 4,
  perKey: 2,
  maxWaiting: 100,
  maxWaitingPerKey: 10,
  maxWaitMs: 60_000,
};

/**
 * Files that their senders put into the store themselves. What is hashed, looked at and kept is a copy that no sender has
 * a URL of, so that nothing else can come in its place.
 */
export function directUploads(
  resumables: PerCall<ResumableStore>,
  parts: UploadParts,
  ids: Ids,
  protect: Pick<Protection, "fairQueue">,
  stopping: AbortSignal,
): Pick<Handlers<typeof VideoService>, "beginDirectUpload" | "getDirectUpload" | "completeDirectUpload"> & {
  /** Resolves when what is under way has ended. */
  settled(): Promise<unknown>;
} {
  const { store, blobs } = parts;
  const queue = protect.fairQueue("direct_upload_queue", inTurn);
  const completions = lastingWork<Awaited<ReturnType<typeof finishUpload>>>(stopping);

  function requireDirect(): DirectUploads {
    if (!blobs.direct) throw refusal("DIRECT_UPLOADS_UNAVAILABLE");
    return blobs.direct;
  }

  /** Error: UPLOAD_NOT_FOUND. */
  async function requireRow(id: string, ownerId: UserId, call: ServedCall): Promise<ResumableRow> {
    const found = isId(id) ? await resumables(call).find(id as UploadId, ownerId) : undefined;
    if (!found?.direct) throw refusal("UPLOAD_NOT_FOUND");
    return found;
  }

  /** When its URLs, and it itself, expire; a whole one stays. Error: UPLOAD_NOT_FOUND. */
  function expiryOf({ begun_at, partial }: ResumableRow): number {
    const expiresAtMs = begun_at.getTime() + directLifetimeMs;
    if (partial !== "" && Date.now() > expiresAtMs) throw refusal("UPLOAD_NOT_FOUND");
    return expiresAtMs;
  }

  /** Runs `work` while nobody else completes it, in any process. Error: UPLOAD_LOCKED. */
  async function alone<T>(row: ResumableRow, work: (row: ResumableRow) => Promise<T>): Promise<T> {
    const [id, ownerId] = [row.id as UploadId, row.owner_id as UserId];
    const writer = randomUUID();
    const lock = () => resumables.lasting.lock(id, ownerId, { writer, forMs: writerMs, isDirect: true });
    const locked = await lock();
    if (!locked) throw refusal("UPLOAD_LOCKED");
    // Without the lock the worst is that another one does the same.
    let renewal: Promise<unknown> | undefined;
    const renewing = setInterval(() => {
      renewal = lock().catch(() => {});
    }, renewEveryMs);
    try {
      return await work(locked);
    } finally {
      clearInterval(renewing);
      // It would lock again what is unlocked.
      await renewal;
      // It ends by itself.
      const exists = await resumables.lasting.unlock(id, ownerId, writer, 0).catch(() => true);
      // It was cancelled meanwhile.
      if (!exists && locked.partial) await blobs.discard(locked.partial).catch(() => {});
    }
  }

  return {
    async beginDirectUpload({ sizeBytes, address }, call) {
      const ownerId = requireCaller(call) as UserId;
      const direct = requireDirect();
      const id = ids.next() as UploadId;
      const partial = direct.name();
      const room = roomFor({ sizeBytes, placedBytes: 0 }, parts);
      const { begun_at } = await resumables(call)
        .begin(
          { id, ownerId, address, sizeBytes, partial, isDirect: true },
          async (unpublished, unfinished) => {
            refuseMoreUnfinished(unfinished);
            await room(unpublished);
          },
        )
        .catch(endOfSession);
      try {
        const begun = await direct.begin(partial);
        await resumables(call).noteDirect(id, ownerId, begun);
        const where = await direct.parts(partial, begun, { sizeBytes, lifetimeMs: directLifetimeMs });
        return { id, ...where, expiresAtMs: begun_at.getTime() + directLifetimeMs };
      } catch (error) {
        await resumables.lasting.forget(id, ownerId);
        await blobs.discard(partial).catch(() => {});
        throw error;
      }
    },

    async getDirectUpload({ id }, call) {
      const ownerId = requireCaller(call) as UserId;
      const direct = requireDirect();
      const row = await requireRow(id, ownerId, call);
      const expiresAtMs = expiryOf(row);
      const sent = row.partial === "" ? undefined : await direct.sent(row.partial, row.direct!);
      if (!sent) return { id, partBytes: 0, urls: [], sent: [], expiresAtMs };
      const file = { sizeBytes: Number(row.size_bytes), lifetimeMs: expiresAtMs - Date.now() };
      const where = await direct.parts(row.partial, row.direct!, file);
      return { id, ...where, sent, expiresAtMs };
    },

    async completeDirectUpload(request, call) {
      const ownerId = requireCaller(call) as UserId;
      const direct = requireDirect();
      const id = request.id as UploadId;
      const found = await requireRow(id, ownerId, call);
      return completions.start(id, (late) =>
        queue.run(ownerId, late.signal, () => alone(found, (row) => complete(row, { ...call, ...late }))),
      );

      async function complete(row: ResumableRow, call: ServedCall) {
        if (row.partial === "") {
          const finished = await store(call).finished(id, ownerId);
          if (!finished) throw refusal("UPLOAD_NOT_FOUND");
          return finished.upload;
        }
        expiryOf(row);
        const hash = async () => {
          await direct.complete(row.partial, row.direct!, request.etags, Number(row.size_bytes), call.signal);
          return (await blobs.adopt(row.partial, call.signal)).sha256;
        };
        return finishUpload(row, hash, resumables, parts, call);
      }
    },

    settled: completions.settled,
  };
}
