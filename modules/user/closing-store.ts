import { sql } from "kysely";
import { accountClosing, accountErased, accountReopened } from "#contracts/events.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { Events } from "#platform/events/events.ts";
import { lockKey } from "./account-store.ts";
import { type Proven, stillProven, whyUnproven } from "./proven.ts";
import type { Tables } from "./tables.ts";

export interface Closing {
  userId: string;
  closingId: string;
}

/** The steps of deleting an account that are the user module's own. Each does nothing when it was done before. */
export function closingStore(db: Kysely<Tables>, events: Events) {
  return {
    /** The beginning: nobody is logged in any more, and everybody hears of it. Errors: see `whyUnproven`. */
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
    /** The compensation: as it was before, with the reason. */
    async reopen(on: Transaction<Tables>, emit: Emit, closing: Closing, reason: string): Promise<void> {
      const { userId, closingId } = closing;
      const reopened = await underWay(on, closing)
        .set({ state: "open", closing_id: null, closing_refused: reason })
        .returning("id")
        .executeTakeFirst();
      if (reopened) emit(accountReopened, { userId, closingId, reason, atMs: Date.now() });
    },
    /**
     * The end: only the id is left, and the name is free. Pictures go before the commit, since afterwards nobody would
     * know of them; going twice does no harm.
     */
    async erase(
      on: Transaction<Tables>,
      emit: Emit,
      closing: Closing,
      removePicture: (key: string) => Promise<void>,
    ): Promise<void> {
      const { userId, closingId } = closing;
      const before = await on
        .selectFrom("account")
        .select(["avatar_key", "background_key"])
        .where("id", "=", userId)
        .where("state", "=", "closing")
        .where("closing_id", "=", closingId)
        .executeTakeFirst();
      if (!before) return;
      // They stay what they are while the account is closing. Before the row, as when a picture is set.
      const pictures = [...new Set([before.avatar_key, before.background_key].filter(Boolean))].sort();
      for (const key of pictures) await lockKey(on, key);
      const erased = await underWay(on, closing)
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
      for (const key of pictures) {
        const { rows } = await sql`
          select from "user".account where avatar_key = ${key} or background_key = ${key} limit 1`.execute(
          on,
        );
        if (rows.length === 0) await removePicture(key);
      }
      emit(accountErased, { userId, closingId, atMs: Date.now() });
    },
  };
}

export type ClosingStore = ReturnType<typeof closingStore>;

/** The account, if this attempt is still the one under way. */
function underWay(on: Transaction<Tables>, { userId, closingId }: Closing) {
  return on
    .updateTable("account")
    .where("id", "=", userId)
    .where("state", "=", "closing")
    .where("closing_id", "=", closingId);
}
