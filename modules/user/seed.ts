import { sql } from "kysely";
import { inRanges, type SyntheticGraph, syntheticUserBase } from "#contracts/synthetic-graph.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Progress } from "#platform/module/module.ts";
import type { Tables } from "./tables.ts";

/** People `user1`, `user2`, … with one password. Existing ones stay. */
export async function seedUsers(
  db: Kysely<Tables>,
  graph: SyntheticGraph,
  progress: Progress,
): Promise<void> {
  await inRanges(
    graph.users,
    50_000,
    (from, to) =>
      sql`
        insert into "user".account (id, username, name_key, name, password_hash)
        select ${syntheticUserBase}::int8 + n, 'user' || n, 'user' || n, 'user' || n, ${graph.passwordHash}
        from generate_series(${from}::int, ${to}::int) n
        on conflict do nothing`.execute(db),
    (done) => progress("people", done, graph.users),
  );
}
