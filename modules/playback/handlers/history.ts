import type { PlaybackService } from "#contracts/gen/playback_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { idOrZero, isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { HistoryStore } from "../history-store.ts";

type Service = Handlers<typeof PlaybackService>;
const maxPage = 50;
const cursorForm = /^(\d{1,15})-([1-9]\d{0,18})$/;

/** What people watched, and where they go on. */
export function historyHandlers(
  store: PerCall<HistoryStore>,
): Pick<Service, "listHistory" | "deleteHistory" | "pauseHistory" | "getResumes"> {
  return {
    async listHistory({ before, limit }, call) {
      const userId = requireCaller(call);
      const cursor = before === "" ? undefined : readCursor(before);
      const { list, isPaused } = store.reading(call);
      const [{ rows, after }, paused] = await Promise.all([
        takePage(limit, maxPage, (count) => list(userId, cursor, count)),
        isPaused(userId),
      ]);
      return {
        items: rows.map(({ atMs, ...row }) => ({ ...row, watchedAtMs: atMs })),
        next: after ? `${after.atMs}-${after.videoId}` : "",
        paused,
      };
    },
    async deleteHistory({ videoId }, call) {
      const userId = requireCaller(call);
      if (videoId === "") await store(call).clear(userId, Date.now());
      else if (isId(videoId)) await store(call).remove(userId, videoId, Date.now());
      return {};
    },
    async pauseHistory({ paused }, call) {
      await store(call).pause(requireCaller(call), paused);
      return {};
    },
    async getResumes({ people }, call) {
      const pairs = people.flatMap(({ userId, videoIds }) =>
        videoIds.map((videoId) => ({ userId: idOrZero(userId), videoId: idOrZero(videoId) })),
      );
      const found = await store.reading(call).resumes(pairs);
      return {
        people: people.map(({ userId, videoIds }) => ({
          resumes: videoIds.flatMap((videoId) => found.get(`${userId} ${videoId}`) ?? []),
        })),
      };
    },
  };
}

function readCursor(text: string): { atMs: number; videoId: string } {
  const [, atMs, videoId] = cursorForm.exec(text) ?? [];
  if (atMs === undefined || videoId === undefined || !isId(videoId)) throw refusal("CURSOR_INVALID");
  return { atMs: Number(atMs), videoId };
}
