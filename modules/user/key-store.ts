import type { JWK } from "jose";
import { type Selectable, sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { type IssuerKey, issuerKeyIn } from "#platform/keys/issuer-key.ts";
import type { KeySeal } from "#platform/seal/key-seal.ts";
import { sessionMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

export interface SigningKey {
  kid: string;
  privateJwk: JWK;
  publicJwk: JWK;
}

type Row = Selectable<Tables["signing_key"]> & { young: boolean; starts: boolean; maySign: boolean };

/** So long before it signs, a key is published: whoever verifies looks more often. */
export const publishedAheadMs = 60_000;
/** A key signs for two thirds of it at most, so that its last token has ended by then. */
export const keyLastsMs = 3 * sessionMs;

/** The SQL of the key pairs that sign tokens; private halves are sealed. */
export function keyStore(db: Kysely<Tables>, seal: KeySeal) {
  return {
    /** All public keys, also of pairs sealed with another secret: their tokens stay valid. */
    async publicKeys(): Promise<IssuerKey[]> {
      const rows = await db
        .selectFrom("signing_key")
        .select(["public_jwk", "created_at"])
        .orderBy("created_at", "desc")
        .execute();
      return rows
        .map(({ public_jwk, created_at }) => {
          const nbf = Math.floor(created_at.getTime() / 1000);
          return issuerKeyIn({ ...public_jwk, nbf, exp: nbf + keyLastsMs / 1000 });
        })
        .filter((key) => key !== undefined);
    },
    /**
     * The key that signs now, of those that our secret opens. When none is younger than `rotateAfterMs`, or an operator
     * has asked for another one, `fresh` is added: it signs a minute later, or now if nothing else can. Removes keys
     * that no live token names, and seals keys from before sealing.
     */
    async currentKey(fresh: () => Promise<SigningKey>, rotateAfterMs: number): Promise<SigningKey> {
      const { signer, lacksNext, unsealed } = judge(await read(db, rotateAfterMs));
      if (signer && !lacksNext && !unsealed) return signer;
      const made = await fresh();
      return inTransaction(db, async (transaction) => {
        await sql`lock table "user".signing_key in exclusive mode`.execute(transaction);
        await transaction
          .deleteFrom("signing_key")
          .where("created_at", "<", sql<Date>`now() - ${keyLastsMs} * interval '1 ms'`)
          .execute();
        const rows = await read(transaction, rotateAfterMs);
        for (const { kid, private_jwk } of rows.filter((row) => row.private_jwk))
          await transaction
            .updateTable("signing_key")
            .set({ private_jwk: null, sealed: seal.seal(kid, JSON.stringify(private_jwk)) })
            .where("kid", "=", kid)
            .execute();
        const found = judge(rows);
        if (!found.lacksNext) return found.signer ?? made;
        await transaction
          .insertInto("signing_key")
          .values({
            kid: made.kid,
            sealed: seal.seal(made.kid, JSON.stringify(made.privateJwk)),
            public_jwk: made.publicJwk,
            signs_from: sql<Date>`now() + ${found.signer ? publishedAheadMs : 0} * interval '1 ms'`,
          })
          .execute();
        return found.signer ?? made;
      });
    },
  };

  function read(from: Kysely<Tables>, rotateAfterMs: number): Promise<Row[]> {
    return from
      .selectFrom("signing_key")
      .selectAll()
      .select([
        sql<boolean>`created_at > now() - ${rotateAfterMs} * interval '1 ms' and rotate_asked_at is null`.as(
          "young",
        ),
        sql<boolean>`signs_from <= now()`.as("starts"),
        sql<boolean>`created_at > now() - ${keyLastsMs - sessionMs} * interval '1 ms'`.as("maySign"),
      ])
      .orderBy("created_at", "desc")
      .execute();
  }

  function judge(rows: Row[]) {
    const ours = rows.flatMap((row) => {
      const privateJwk = row.private_jwk ?? opened(row.kid, row.sealed);
      return privateJwk
        ? [{ ...row, key: { kid: row.kid, privateJwk, publicJwk: row.public_jwk as JWK } }]
        : [];
    });
    const started = ours.filter(({ starts, maySign }) => starts && maySign);
    const young = ours.find(({ young }) => young);
    return {
      // A young key that is alone signs before its time: the clock went back, or the one before it is too old.
      signer: (started.find(({ young }) => young) ?? started[0] ?? young)?.key,
      lacksNext: !ours.some(({ young }) => young),
      unsealed: rows.some((row) => row.private_jwk),
    };
  }

  function opened(kid: string, sealed: Buffer | null): JWK | undefined {
    const text = sealed && seal.open(kid, sealed);
    return text ? JSON.parse(text) : undefined;
  }
}

export type KeyStore = ReturnType<typeof keyStore>;
