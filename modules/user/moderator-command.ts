import { sql } from "kysely";
import { profileChanged } from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely } from "#platform/db/database.ts";
import { transactionWithEvents } from "#platform/events/log/append.ts";
import type { ModuleCommand } from "#platform/module/module.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { Tables } from "./tables.ts";

/** Adds and removes moderators. A running system notices within a second, by the event. */
export const moderatorCommand: ModuleCommand<Tables> = {
  summary: "add NAME, remove NAME or list: who may delete any comment and hold any video",
  async run(db, words) {
    const [action = "list", name, ...more] = words;
    if (action === "list" && name === undefined) return list(db);
    if ((action !== "add" && action !== "remove") || name === undefined || more.length > 0)
      throw refusal("ARGUMENT_INVALID", "Say: add NAME, remove NAME, or list.");
    const role = action === "add" ? "moderator" : "member";
    const changed = await transactionWithEvents(db, async (transaction, emit) => {
      const account = await transaction
        .updateTable("account")
        .set({ role })
        .where("name_key", "=", nameKey(name.normalize("NFC").trim()))
        .returning(["id", "username"])
        .executeTakeFirst();
      if (!account) throw refusal("USER_NOT_FOUND", `There is nobody called ${name}.`);
      emit(profileChanged, { userId: account.id, atMs: Date.now() });
      const kind = action === "add" ? "role-given" : "role-taken";
      await sql`
        insert into security.entry (kind, user_id, subject, address, device, reason, times)
        values (${kind}, ${account.id}, 'moderator', '', '', 'by the operator', 1)`.execute(transaction);
      return account;
    });
    return [`${changed.username} is ${action === "add" ? "a moderator now" : "no moderator any more"}.`];
  },
};

async function list(db: Kysely<Tables>): Promise<string[]> {
  const moderators = await db
    .selectFrom("account")
    .select("username")
    .where("role", "=", "moderator")
    .orderBy("id")
    .execute();
  return moderators.length === 0
    ? ["There is no moderator yet."]
    : moderators.map(({ username }) => username);
}
