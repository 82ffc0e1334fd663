import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import { type Authored, alsoTrims, idleDays, inboxSize } from "./rules.ts";
import type { Tables } from "./tables.ts";

export interface ReaderOfAuthor {
  userId: string;
  authorId: string;
}

/**
 * Adds a video to the inboxes of those followers who have one and take deliveries from its author. `inNone` means
 * that it is expected in none of them, so it is not looked up first, which saves a third of the time. If it is in one
 * after all, the statement fails and the transaction ends (isThere).
 */
export async function putIntoInboxes(
  on: Queryable<Tables>,
  video: Authored,
  followerIds: string[],
  { inNone = false }: { inNone?: boolean } = {},
): Promise<void> {
  await sql`
    insert into feed.inbox (user_id, published_ms, video_id, author_id)
    select r.user_id, ${video.publishedAtMs}, ${video.videoId}, ${video.authorId}
    from feed.reader r
    where r.user_id = any(${followerIds}::int8[]) and not r.gone and r.last_read_at > now() - ${idleDays} * interval '1 day'
      and (not r.capped or r.stale or exists (
        select from feed.source s where s.user_id = r.user_id and s.author_id = ${video.authorId}
      ))
    ${inNone ? sql`` : sql`on conflict do nothing`}`.execute(on);
  await trim(
    on,
    followerIds.filter((id) => alsoTrims(id, video.videoId)),
  );
}

/** Adds the delivered videos of authors to the inboxes of those readers who have one. */
export async function bringVideos(on: Queryable<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
  await sql`
    insert into feed.inbox (user_id, published_ms, video_id, author_id)
    select r.user_id, v.published_ms, v.video_id, v.author_id
    from unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.authorId)}::int8[])
      as p(user_id, author_id)
    join feed.reader r on r.user_id = p.user_id and not r.gone
    cross join lateral (
      select * from feed.author_video v where v.author_id = p.author_id and v.pushed
      order by v.published_ms desc, v.video_id desc limit ${inboxSize}::int
    ) v
    on conflict do nothing`.execute(on);
}

/** Whether adding a video to inboxes failed because one already has it. */
export function isThere(error: unknown): boolean {
  return (error as { code?: unknown }).code === "23505";
}

/**
 * Removes what exceeds the size. Skips inboxes that another transaction has locked: they are trimmed another time.
 */
export async function trim(on: Queryable<Tables>, userIds: string[]): Promise<void> {
  if (userIds.length === 0) return;
  await sql`
    with held as materialized (
      select user_id from feed.reader where user_id = any(${userIds}::int8[]) for update skip locked
    ), last as (
      select u.user_id, e.published_ms, e.video_id
      from held u
      cross join lateral (
        select published_ms, video_id from feed.inbox e where e.user_id = u.user_id
        order by e.published_ms desc, e.video_id desc offset ${inboxSize - 1}::int limit 1
      ) e
    ), cut as (
      delete from feed.inbox e using last
      where e.user_id = last.user_id and (e.published_ms, e.video_id) < (last.published_ms, last.video_id)
      returning e.user_id
    )
    update feed.reader set trimmed = true where user_id in (select user_id from cut)`.execute(on);
}
