import { type Selectable, sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Tables } from "./tables.ts";

type SigningKeyRow = Selectable<Tables["signing_key"]>;

/** The SQL of the key pairs that sign tokens. */
export function keyStore(db: Kysely<Tables>) {
  return {
    signingKeys: (): Promise<SigningKeyRow[]> =>
      db.selectFrom("signing_key").selectAll().orderBy("created_at", "desc").execute(),
    /** Adds a key unless one younger than `maxAgeMs` is there, and forgets those that no live token names. */
    async rotateKeys(key: Pick<SigningKeyRow, "kid" | "private_jwk" | "public_jwk">, maxAgeMs: number) {
      await inTransaction(db, async (transaction) => {
        await sql`lock table "user".signing_key in exclusive mode`.execute(transaction);
        const young = await transaction
          .selectFrom("signing_key")
          .select("kid")
          .where("created_at", ">", sql<Date>`now() - ${maxAgeMs} * interval '1 ms'`)
          .executeTakeFirst();
        if (!young) await transaction.insertInto("signing_key").values(key).execute();
        await transaction
          .deleteFrom("signing_key")
          .where("created_at", "<", sql<Date>`now() - ${maxAgeMs * 3} * interval '1 ms'`)
          .execute();
      });
    },
  };
}

export type KeyStore = ReturnType<typeof keyStore>;
