import { type Kysely, sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { ModuleCommand } from "#platform/module/module.ts";
import { keyLastsMs, publishedAheadMs } from "./key-store.ts";
import type { Tables } from "./tables.ts";

/** Shows and changes the keys that sign access tokens. */
export const keysCommand: ModuleCommand<Tables> = {
  summary: "list or rotate: the keys that sign access tokens; nobody is logged out by another one",
  async run(db, words) {
    const [action = "list", ...more] = words;
    if (action === "list" && more.length === 0) return list(db);
    if (action !== "rotate" || more.length > 0) throw refusal("ARGUMENT_INVALID", "Say: list, or rotate.");
    await db
      .updateTable("signing_key")
      .set({ rotate_asked_at: sql<Date>`now()` })
      .where("rotate_asked_at", "is", null)
      .execute();
    return [
      `The running server makes another key within 10 s, publishes it, and signs with it ${publishedAheadMs / 1000} s later.`,
      "The keys before verify what they have signed until that has ended. See: douya keys list",
    ];
  },
};

async function list(db: Kysely<Tables>): Promise<string[]> {
  const keys = await db
    .selectFrom("signing_key")
    .select(["kid", "created_at", "signs_from", sql<boolean>`signs_from <= now()`.as("starts")])
    .orderBy("created_at", "desc")
    .execute();
  if (keys.length === 0) return ["There is no key yet: the first start of the server makes one."];
  const newest = keys.find(({ starts }) => starts);
  return keys.map((key) => {
    const { kid, created_at, signs_from, starts } = key;
    const what = key === newest ? "signs" : starts ? "verifies" : `signs from ${signs_from.toISOString()}`;
    const until = new Date(created_at.getTime() + keyLastsMs).toISOString();
    return `${kid}  made ${created_at.toISOString()}  used until ${until}  ${what}`;
  });
}
