import { sql } from "kysely";
import type { UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { lockAuthor } from "./author-rows.ts";
import { isUsed } from "./blob-use-store.ts";
import type { Tables } from "./tables.ts";

/** What somebody was asked for, in the table so that any process can check the answer. */
export function knownFileStore(db: Kysely<Tables>) {
  return {
    isUsed: (sourceKey: string) => isUsed(db, sourceKey),

    /** Adds a challenge; of each person the newest `most` stay. Error: AccountsDeleted. */
    async add(
      ownerId: UserId,
      asked: {
        challenge: string;
        sourceKey: string;
        sizeBytes: number;
        ranges: [from: number, to: number][];
      },
      most: number,
    ): Promise<void> {
      await inTransaction(db, async (transaction) => {
        await lockAuthor(transaction, ownerId);
        await transaction
          .insertInto("known_file_challenge")
          .values({
            owner_id: ownerId,
            challenge: asked.challenge,
            source_key: asked.sourceKey,
            size_bytes: asked.sizeBytes,
            ranges: JSON.stringify(asked.ranges),
          })
          .execute();
        await sql`
          delete from video.known_file_challenge where owner_id = ${ownerId} and challenge in (
            select challenge from video.known_file_challenge where owner_id = ${ownerId}
            order by made_at desc offset ${most}
          )`.execute(transaction);
      });
    },

    /** Takes a challenge away, if it is theirs and not too old: it counts once. */
    async take(ownerId: UserId, challenge: string, lifetimeMs: number) {
      return db
        .deleteFrom("known_file_challenge")
        .where("owner_id", "=", ownerId)
        .where("challenge", "=", challenge)
        .where("made_at", ">", sql<Date>`clock_timestamp() - ${lifetimeMs} * interval '1 ms'`)
        .returningAll()
        .executeTakeFirst();
    },

    async drop(olderThanMs: number): Promise<void> {
      await db
        .deleteFrom("known_file_challenge")
        .where("made_at", "<", sql<Date>`now() - ${olderThanMs} * interval '1 ms'`)
        .execute();
    },
  };
}

export type KnownFileStore = ReturnType<typeof knownFileStore>;
