import { videoHeldChanged } from "#contracts/events.ts";
import type { VideoId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { lockAuthor } from "./author-rows.ts";
import type { Tables } from "./tables.ts";
import type { ReachName } from "./visibility.ts";
import { heldWithin, movable, tellMove, wishedOf } from "./visibility-changes.ts";

/** How a video stands with the moderators. */
export interface Standing {
  videoId: VideoId;
  /** The act after which it stands so. */
  version: string;
  reach: ReachName;
  held: boolean;
}

export function standingStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /**
     * Takes over how a video stands, with its count and events; nothing if it is not there or stands so by a later act.
     * Error: AccountsDeleted, when it is put on hold and its author is gone.
     */
    async moderate({ videoId: id, version, reach, held }: Standing): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        const was = await transaction
          .selectFrom("video")
          .select(["id", "held", "wished_visibility", ...movable])
          .where("id", "=", id)
          .where("moderated", "<", version)
          .forUpdate()
          .executeTakeFirst();
        if (!was) return;
        const now = heldWithin(wishedOf(was), reach);
        await transaction
          .updateTable("video")
          .set({ ...now, reach, held, moderated: version })
          .where("id", "=", id)
          .execute();
        await tellMove(transaction, emit, was, now.visibility);
        if (held === was.held) return;
        // Their account is not deleted meanwhile.
        await lockAuthor(transaction, was.author_id);
        emit(videoHeldChanged, { videoId: id, authorId: was.author_id, held, atMs: Date.now() });
      });
    },
  };
}

export type StandingStore = ReturnType<typeof standingStore>;
