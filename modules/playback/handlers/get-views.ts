import type { PlaybackService } from "#contracts/gen/playback_pb.ts";
import { createListBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ViewStore } from "../view-store.ts";

export function getViews(store: PerCall<ViewStore>): Handlers<typeof PlaybackService>["getViews"] {
  const views = createListBatcher((ids, batch) => store.reading(batch).viewsOf(ids));
  return async ({ videoIds }, call) => {
    const found = await views(videoIds.filter(isId), call);
    return { views: videoIds.map((id) => found.get(id) ?? 0) };
  };
}
