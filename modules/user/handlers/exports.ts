import { ExportState, type UserService } from "#contracts/gen/user_pb.ts";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type ExportRow, type ExportStore, keptMs } from "../export-store.ts";

type Service = Handlers<typeof UserService>;

const states = {
  waiting: ExportState.WAITING,
  ready: ExportState.READY,
  failed: ExportState.FAILED,
} as const;

const toExport = (row: ExportRow) => ({
  state: states[row.state],
  askedAtMs: row.asked_at.getTime(),
  done: row.done,
  total: row.total,
  key: row.blob_key,
  sizeBytes: Number(row.size_bytes),
  untilMs: row.ready_at ? row.ready_at.getTime() + keptMs : 0,
});

export function exportHandlers(
  store: PerCall<ExportStore>,
  blobs: BlobStore,
  jobs: Jobs,
): Pick<Service, "askForExport" | "getExport" | "takeExport" | "keepExport" | "finishExport"> {
  return {
    askForExport: async (_request, call) => toExport(await store(call).ask(requireCaller(call), jobs)),
    async getExport(_request, call) {
      const row = await store(call).find(requireCaller(call));
      return row ? toExport(row) : {};
    },
    async takeExport(_request, call) {
      const taken = await store(call).take();
      return taken
        ? { userId: taken.user_id, username: taken.username, name: taken.name, ticket: taken.ticket }
        : {};
    },
    keepExport: async ({ userId, ticket, done, total }, call) => ({
      held: await store(call).keep(userId, ticket, done, total),
    }),
    async finishExport({ userId, ticket, staged, sha256, sizeBytes }, call) {
      if (staged === "") {
        await store(call).giveUp(userId, ticket);
        return {};
      }
      const key = blobKey("export", sha256, "zip");
      // Should this process die before that, or another one have made it, it is removed.
      await store(call).removeUnlessSet(key, jobs);
      await blobs.commit(staged, key, sizeBytes);
      await store(call).finish(userId, ticket, key, sizeBytes);
      return {};
    },
  };
}
