import { accountClosing, accountErased, accountReopened } from "#contracts/events.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { dropExport } from "./export-store.ts";
import { dropPicture, lockPicture } from "./picture-store.ts";
import { type Proven, stillProven, whyUnproven } from "./proven.ts";
import type { Tables } from "./tables.ts";

export interface DeletionRequest {
  userId: string;
  closingId: string;
}

/** The user module's own steps of deleting an account. Each is idempotent. */
export function deletionRequestStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /** Records the request: all sessions end, and an event tells every module. Errors: see `whyUnproven`. */
    async close(proven: Proven, closingId: string): Promise<void> {
      const userId = proven.id;
      await events.transaction(db, async (transaction, emit) => {
        const closing = await stillProven(transaction, proven)
          .set({ state: "closing", closing_id: closingId, closing_refused: "" })
          .returning("id")
          .executeTakeFirst();
        if (!closing) throw await whyUnproven(transaction, proven);
        await transaction.deleteFrom("session").where("user_id", "=", userId).execute();
        emit(accountClosing, { userId, closingId, atMs: Date.now() });
      });
    },
    /** The compensation: reopens the account, with the reason. */
    async reopen(
      on: Transaction<Tables>,
      emit: Emit,
      request: DeletionRequest,
      reason: string,
    ): Promise<void> {
      const { userId, closingId } = request;
      const reopened = await pending(on, request)
        .set({ state: "open", closing_id: null, closing_refused: reason })
        .returning("id")
        .executeTakeFirst();
      if (reopened) emit(accountReopened, { userId, closingId, reason, atMs: Date.now() });
    },
    /**
     * Leaves only the id and frees the name. Pictures are removed by jobs, since a disk may be away, and no other account
     * waits for it.
     */
    async erase(on: Transaction<Tables>, emit: Emit, request: DeletionRequest, jobs: Jobs): Promise<void> {
      const { userId, closingId } = request;
      const before = await on
        .selectFrom("account")
        .select(["avatar_key", "background_key"])
        .where("id", "=", userId)
        .where("state", "=", "closing")
        .where("closing_id", "=", closingId)
        .executeTakeFirst();
      if (!before) return;
      // Pictures do not change while a deletion is pending. Locked before the row, as when a picture is set.
      const pictures = [...new Set([before.avatar_key, before.background_key].filter(Boolean))].sort();
      for (const key of pictures) await lockPicture(on, key);
      const erased = await pending(on, request)
        .set({
          state: "erased",
          closing_id: null,
          username: "",
          name_key: null,
          password_hash: "",
          name: "",
          signature: "",
          avatar_key: "",
          background_key: "",
          role: "member",
        })
        .returning("id")
        .executeTakeFirst();
      if (!erased) return;
      await on.deleteFrom("guesses").where("user_id", "=", userId).execute();
      await on.deleteFrom("known_device").where("user_id", "=", userId).execute();
      for (const key of pictures) await dropPicture(on, jobs, key);
      await dropExport(on, userId, jobs);
      emit(accountErased, { userId, closingId, atMs: Date.now() });
    },
  };
}

export type DeletionRequestStore = ReturnType<typeof deletionRequestStore>;

/** The account, if this request is still the pending one. */
function pending(on: Transaction<Tables>, { userId, closingId }: DeletionRequest) {
  return on
    .updateTable("account")
    .where("id", "=", userId)
    .where("state", "=", "closing")
    .where("closing_id", "=", closingId);
}
