import type { InteractionService, Reaction, ReactRequest } from "#contracts/gen/interaction_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { AuthorBlocks } from "../blocks.ts";
import type { PublishedVideos } from "../published-videos.ts";
import { type StoredKind, storedReactionOf } from "../reaction-kinds.ts";
import type { ReactionCommand, ReactionStore } from "../reaction-store.ts";
import { blockedByAuthor } from "../rules.ts";
import { takeBack } from "../take-back.ts";

type Service = Handlers<typeof InteractionService>;

export function reactHandlers(
  store: PerCall<ReactionStore>,
  videos: PublishedVideos,
  blocks: AuthorBlocks,
  ids: Ids,
): Pick<Service, "react" | "withdraw"> {
  const apply = createBatcher((commands: ReactionCommand[], batch) => store(batch).apply(commands), {
    // The next batch runs while one is committed. On one hot video it waits for the row in any case.
    parallel: 2,
    conflict: (command) => `${command.videoId} ${command.userId}`,
  });
  async function change(
    request: ReactRequest,
    call: ServedCall,
    to: Pick<ReactionCommand, "reaction" | "insteadOf">,
  ) {
    const userId = requireCaller(call);
    const { videoId } = request;
    const command = { videoId, userId, id: ids.next(), traceId: call.traceId, ...to };
    // One's own can be withdrawn whatever has become of the video, and whoever blocks whom.
    if (to.reaction === 0) return { changed: await takeBack(command, apply, videos, call) };
    if (await blocks(await videos.find(videoId, call), userId, call)) throw blockedByAuthor("reactions");
    const changed = await apply(command, call);
    if (changed instanceof DomainError) throw changed;
    if (changed === undefined) throw refusal("VIDEO_NOT_FOUND");
    return { changed };
  }
  return {
    react: (request, call) => change(request, call, { reaction: kindOf(request.reaction) }),
    withdraw: (request, call) => change(request, call, { reaction: 0, insteadOf: kindOf(request.reaction) }),
  };
}

function kindOf(reaction: Reaction): StoredKind {
  const kind = storedReactionOf(reaction);
  if (kind === undefined) throw refusal("INVALID_ARGUMENT", "reaction: say like or dislike.");
  return kind;
}
