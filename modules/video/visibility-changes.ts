import type { Selectable } from "kysely";
import { videoVisibilityChanged } from "#contracts/events.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import { countWorks } from "./author-rows.ts";
import { withinReach } from "./rules.ts";
import { shownBy, shownColumns } from "./shown-files.ts";
import type { Tables } from "./tables.ts";
import { type ReachName, toVisibility, type VisibilityName } from "./visibility.ts";

type Video = Selectable<Tables["video"]>;

/** What its author has chosen, whether it holds or not. */
export const wishedOf = (video: Pick<Video, "visibility" | "wished_visibility">): VisibilityName =>
  video.wished_visibility ?? video.visibility;

/** What is stored of what an author has chosen and how far it may reach. */
export const heldWithin = (wished: VisibilityName, reach: ReachName) => ({
  visibility: withinReach(wished, reach),
  wished_visibility: reach === "full" ? null : wished,
});

/** What is read of a video, beside its id, whose visibility may change. */
export const movable = ["author_id", "state", "published_ms", "visibility", ...shownColumns] as const;

/** Of a video that is locked and now has this visibility: if others may see it than before, counts and tells so. */
export async function tellMove(
  on: Transaction<Tables>,
  emit: Emit,
  was: Pick<Video, "id" | (typeof movable)[number]>,
  now: VisibilityName,
): Promise<void> {
  // Before it is published, it is shown to nobody else.
  if (now === was.visibility || was.state !== "published") return;
  if (now === "public") await countWorks(on, was.author_id, 1);
  if (was.visibility === "public") await countWorks(on, was.author_id, -1);
  emit(videoVisibilityChanged, {
    videoId: was.id,
    authorId: was.author_id,
    publishedAtMs: Number(was.published_ms),
    was: toVisibility(was.visibility),
    now: toVisibility(now),
    blobKeys: await shownBy(on, was.id, was),
  });
}
