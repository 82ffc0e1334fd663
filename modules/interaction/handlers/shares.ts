import { randomInt } from "node:crypto";
import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { pictureOf } from "#contracts/picture-number.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type CodeStore, type DailyCommand, type DailyStore, dayOf } from "../daily-store.ts";
import type { PublishedVideos } from "../published-videos.ts";

type Service = Handlers<typeof InteractionService>;

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const codeForm = /^[0-9A-Za-z]{10}$/;

/** Of 62^10, so that nobody guesses one. */
function newCode(): string {
  return Array.from({ length: 10 }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** Links that people give to others, and what they lead to. */
export function shareHandlers(
  store: PerCall<DailyStore>,
  codes: PerCall<CodeStore>,
  videos: PublishedVideos,
): Pick<Service, "shareVideo" | "resolveShare"> {
  const apply = createBatcher((commands: DailyCommand[], batch) => store(batch).apply(commands), {
    parallel: 2,
    conflict: ({ videoId, userId }) => `${videoId} ${userId}`,
  });
  return {
    async shareVideo({ videoId, picture }, call) {
      const userId = requireCaller(call);
      const { pictures } = await videos.ensureRow(videoId, call);
      if (picture !== 0 && !pictureOf(pictures, picture))
        throw refusal("INVALID_ARGUMENT", `There is no picture ${picture} in it.`);
      const atMs = Date.now();
      const command = { videoId, userId, atMs, label: newCode(), traceId: call.traceId };
      const changed = await apply(command, call);
      if (changed instanceof DomainError) throw changed;
      if (changed !== undefined && picture > 0) {
        const of = { videoId, userId, day: dayOf(atMs), picture };
        const code = await codes(call).pictureCode(of, newCode());
        if (code === undefined) throw refusal("VIDEO_NOT_FOUND");
        return { code };
      }
      const code = changed ? command.label : await codes(call).codeOf(videoId, userId, dayOf(atMs));
      if (code === undefined) throw refusal("VIDEO_NOT_FOUND");
      return { code };
    },
    async resolveShare({ code }, call) {
      const found = codeForm.test(code) ? await codes.reading(call).sharedWith(code) : undefined;
      return found ?? { videoId: "", picture: 0 };
    },
  };
}
