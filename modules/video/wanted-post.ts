import type { UserId, VideoId } from "#contracts/ids.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { FindMentions } from "./mentions.ts";
import { checkDescription, checkTitle } from "./rules.ts";
import { visibilityNamed } from "./visibility.ts";

interface Asked {
  title: string;
  description: string;
  visibility: Parameters<typeof visibilityNamed>[0];
  downloadAllowed?: boolean | undefined;
  draft: boolean;
  publishAtMs: number;
}

/** What a video and a post of pictures are told alike. Errors: TITLE_INVALID, DESCRIPTION_INVALID. */
export async function wantedPost(asked: Asked, call: ServedCall, ids: Ids, findMentions: FindMentions) {
  const authorId = requireCaller(call) as UserId;
  const title = checkTitle(asked.title);
  const description = checkDescription(asked.description);
  return {
    id: ids.next() as VideoId,
    authorId,
    title,
    description,
    mentions: await findMentions([title, description], call),
    visibility: visibilityNamed(asked.visibility) ?? ("public" as const),
    download_allowed: asked.downloadAllowed ?? true,
    draft: asked.draft || asked.publishAtMs !== 0,
    publishAtMs: asked.publishAtMs,
  };
}
