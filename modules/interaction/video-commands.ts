import { withoutDeleted } from "#contracts/deleted-accounts.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Tables } from "./tables.ts";
import { lockVideoIds } from "./video-rows.ts";

/** Who does something to which video. */
export interface VideoCommand {
  videoId: string;
  userId: string;
  /** Tells guests apart, who have no account. */
  guest?: string | undefined;
}

export const keyOf = ({ videoId, userId, guest = "" }: VideoCommand) => `${videoId} ${userId} ${guest}`;

/**
 * Applies many commands in one transaction with facts, counts and events. `change` gets those whose videos are there
 * and locked, and returns the rows that it changed. The result is for each command whether it changed anything,
 * undefined if the video is gone, and a refusal if the person is deleted. No two may be by the same person on the same
 * video.
 */
export function applyToVideos<Command extends VideoCommand>(
  db: Kysely<Tables>,
  events: EventWriter<Tables>,
  all: Command[],
  change: (
    transaction: Transaction<Tables>,
    commands: Command[],
    emit: Emit,
  ) => Promise<{ video_id: string; user_id: string; guest?: string | undefined }[]>,
): Promise<(boolean | undefined | DomainError)[]> {
  return withoutDeleted(
    all,
    (command) => [command.userId],
    (commands) =>
      events.transaction(db, async (transaction, emit) => {
        const videos = await lockVideoIds(
          transaction,
          commands.map(({ videoId }) => videoId),
        );
        const there = commands.filter(({ videoId }) => videos.has(videoId));
        const rows = await change(transaction, there, emit);
        const changed = new Set(
          rows.map((row) => keyOf({ videoId: row.video_id, userId: row.user_id, guest: row.guest })),
        );
        return commands.map((command) =>
          videos.has(command.videoId) ? changed.has(keyOf(command)) : undefined,
        );
      }),
  );
}
