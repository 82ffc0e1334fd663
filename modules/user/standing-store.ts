import { profileChanged } from "#contracts/events.ts";
import type { UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { dropPicture } from "./picture-store.ts";
import { endSessionsOf } from "./session-store.ts";
import type { Tables } from "./tables.ts";

/** How a person stands with the moderators. */
export interface Standing {
  userId: UserId;
  /** The act after which they stand so. */
  version: string;
  mutedUntilMs: number;
  suspendedUntilMs: number;
  /** The act that reset the profile last; "0": none. */
  profileReset: string;
}

export function standingStore(db: Kysely<Tables>, events: EventWriter<Tables>, jobs: Jobs) {
  return {
    /** Takes over how a person stands, with what follows at once; nothing if they stand so by a later act. */
    moderate: ({ userId, version, mutedUntilMs, suspendedUntilMs, profileReset }: Standing): Promise<void> =>
      events.transaction(db, async (transaction, emit) => {
        const was = await transaction
          .selectFrom("account")
          .select(["username", "profile_reset", "avatar_key", "background_key"])
          .where("id", "=", userId)
          .where("state", "!=", "erased")
          .where("moderated", "<", version)
          .forUpdate()
          .executeTakeFirst();
        if (!was) return;
        const isReset = BigInt(profileReset) > BigInt(was.profile_reset);
        const suspends = suspendedUntilMs > Date.now();
        await transaction
          .updateTable("account")
          .set({ moderated: version, muted_until_ms: mutedUntilMs, suspended_until_ms: suspendedUntilMs })
          // A login that is under way opens no session.
          .$if(suspends, (update) => update.set((is) => ({ session_epoch: is("session_epoch", "+", 1) })))
          .$if(isReset, (update) =>
            update.set({
              ...{ profile_reset: profileReset, name: was.username },
              ...{ signature: "", avatar_key: "", background_key: "" },
            }),
          )
          .where("id", "=", userId)
          .execute();
        if (isReset)
          for (const key of [was.avatar_key, was.background_key])
            if (key) await dropPicture(transaction, jobs, key);
        // By it gateways look at the person's sessions again, too.
        emit(profileChanged, { userId, atMs: Date.now() });
        if (suspends) await endSessionsOf(transaction, emit, userId);
      }),
  };
}

export type StandingStore = ReturnType<typeof standingStore>;
