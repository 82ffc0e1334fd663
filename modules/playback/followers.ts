import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import { peopleLeft } from "./gone.ts";
import { dayMs, hourMs, minuteMs, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

export interface FollowersChange {
  authorId: string;
  atMs: number;
  followers: number;
}

/** For so long each span is kept; days are for ever. */
const kept = [
  { spanMs: minuteMs, forMs: 2 * dayMs },
  { spanMs: hourMs, forMs: 30 * dayMs },
  { spanMs: dayMs, forMs: Number.MAX_SAFE_INTEGER },
];
/** How many old spans a batch removes, at most. */
const maxRemoved = 1_000;

/** Adds followers that authors have won or lost, and removes what is old of the same authors. */
export async function addFollowers(
  on: Transaction<Tables>,
  changes: readonly FollowersChange[],
  nowMs: number,
): Promise<void> {
  if (changes.length === 0) return;
  const left = await peopleLeft(
    on,
    changes.map(({ authorId }) => authorId),
  );
  const rows = new Map<string, FollowersChange & { spanMs: number; startMs: number }>();
  for (const change of changes) {
    if (!left.has(change.authorId)) continue;
    for (const { spanMs, forMs } of kept) {
      if (change.atMs < nowMs - forMs) continue;
      const startMs = startOf(change.atMs, spanMs);
      const key = `${change.authorId} ${spanMs} ${startMs}`;
      const row = rows.get(key);
      if (row) row.followers += change.followers;
      else rows.set(key, { ...change, spanMs, startMs });
    }
  }
  const all = [...rows.values()];
  await sql`
    insert into playback.followers as f (author_id, span_ms, start_ms, followers)
    select * from unnest(${all.map(({ authorId }) => authorId)}::int8[], ${all.map(({ spanMs }) => spanMs)}::int8[],
      ${all.map(({ startMs }) => startMs)}::int8[], ${all.map(({ followers }) => followers)}::int8[])
    order by 1, 2, 3
    on conflict (author_id, span_ms, start_ms) do update set followers = f.followers + excluded.followers`.execute(
    on,
  );
  // Whoever is about to remove the same is not waited for.
  await sql`
    delete from playback.followers where (author_id, span_ms, start_ms) in (
      select f.author_id, f.span_ms, f.start_ms
      from unnest(${[...left]}::int8[]) a(author_id)
      cross join unnest(${kept.map(({ spanMs }) => spanMs)}::int8[], ${kept.map(({ forMs }) => nowMs - forMs)}::int8[]) k(span_ms, since_ms)
      join playback.followers f on f.author_id = a.author_id and f.span_ms = k.span_ms and f.start_ms < k.since_ms
      limit ${maxRemoved} for update of f skip locked
    )`.execute(on);
}
