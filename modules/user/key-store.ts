import type { JWK } from "jose";
import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { KeySeal } from "./key-seal.ts";
import type { Tables } from "./tables.ts";

export interface SigningKey {
  kid: string;
  privateJwk: JWK;
  publicJwk: JWK;
}

/** The SQL of the key pairs that sign tokens; private halves are sealed. */
export function keyStore(db: Kysely<Tables>, seal: KeySeal) {
  return {
    /** All public keys, also of pairs sealed with another secret: their tokens stay valid. */
    async publicKeys(): Promise<JWK[]> {
      const rows = await db
        .selectFrom("signing_key")
        .select("public_jwk")
        .orderBy("created_at", "desc")
        .execute();
      return rows.map((row) => row.public_jwk as JWK);
    },
    /**
     * The newest key that our secret opens. `fresh` is added if there is none younger than `maxAgeMs`, as after a
     * change of the secret. Removes keys that no live token names, and seals keys from before sealing.
     */
    async currentKey(fresh: SigningKey, maxAgeMs: number): Promise<SigningKey> {
      return inTransaction(db, async (transaction) => {
        await sql`lock table "user".signing_key in exclusive mode`.execute(transaction);
        await transaction
          .deleteFrom("signing_key")
          .where("created_at", "<", sql<Date>`now() - ${maxAgeMs * 3} * interval '1 ms'`)
          .execute();
        const rows = await transaction
          .selectFrom("signing_key")
          .selectAll()
          .select(sql<boolean>`created_at > now() - ${maxAgeMs} * interval '1 ms'`.as("young"))
          .orderBy("created_at", "desc")
          .execute();
        for (const { kid, private_jwk } of rows.filter((row) => row.private_jwk))
          await transaction
            .updateTable("signing_key")
            .set({ private_jwk: null, sealed: seal.seal(kid, JSON.stringify(private_jwk)) })
            .where("kid", "=", kid)
            .execute();
        for (const row of rows.filter(({ young }) => young)) {
          const privateJwk = row.private_jwk ?? opened(row.kid, row.sealed);
          if (privateJwk) return { kid: row.kid, privateJwk, publicJwk: row.public_jwk as JWK };
        }
        await transaction
          .insertInto("signing_key")
          .values({
            kid: fresh.kid,
            sealed: seal.seal(fresh.kid, JSON.stringify(fresh.privateJwk)),
            public_jwk: fresh.publicJwk,
          })
          .execute();
        return fresh;
      });
    },
  };

  function opened(kid: string, sealed: Buffer | null): JWK | undefined {
    const text = sealed && seal.open(kid, sealed);
    return text ? JSON.parse(text) : undefined;
  }
}

export type KeyStore = ReturnType<typeof keyStore>;
