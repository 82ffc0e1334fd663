import type { Selectable } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Tables } from "./tables.ts";

/** What a password was compared with; the permission is valid only while this is unchanged. */
export type Proven = Pick<Selectable<Tables["account"]>, "id" | "password_hash" | "session_epoch">;

/** The account, if what the password was compared with is unchanged. */
export function stillProven(on: Kysely<Tables>, proven: Proven) {
  return on
    .updateTable("account")
    .where("id", "=", proven.id)
    .where("state", "=", "open")
    .where("password_hash", "=", proven.password_hash)
    .where("session_epoch", "=", proven.session_epoch);
}

/** Why an action that needs the password is refused although it was right a moment ago. */
export async function whyUnproven(on: Kysely<Tables>, proven: Proven): Promise<DomainError> {
  const now = await on
    .selectFrom("account")
    .select(["state", "password_hash"])
    .where("id", "=", proven.id)
    .executeTakeFirst();
  const changed = now?.state === "open" && now.password_hash !== proven.password_hash;
  return changed ? refusal("WRONG_PASSWORD") : refusal("SESSION_ENDED");
}
