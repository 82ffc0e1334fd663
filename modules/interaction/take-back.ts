import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { PublishedVideos } from "./published-videos.ts";
import type { VideoCommand } from "./video-commands.ts";

/**
 * Withdraws what the caller has done, also when they may not see the video any more. Whoever has nothing to withdraw
 * learns no more of the video than anybody else. Error: VIDEO_NOT_FOUND.
 */
export async function takeBack<Command extends VideoCommand>(
  command: Command,
  apply: (command: Command, call: ServedCall) => Promise<boolean | undefined | DomainError>,
  videos: Pick<PublishedVideos, "find">,
  call: ServedCall,
): Promise<boolean> {
  if (!isId(command.videoId)) throw refusal("VIDEO_NOT_FOUND");
  const changed = await apply(command, call);
  if (changed instanceof DomainError) throw changed;
  if (!changed) await videos.find(command.videoId, call);
  return changed === true;
}
