import { sql } from "kysely";
import { refuseDeleted } from "#contracts/deleted-accounts.ts";
import { reacted } from "#contracts/events.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { StoredReaction } from "./reaction-kinds.ts";
import type { Tables } from "./tables.ts";
import { applyToVideos, keyOf } from "./video-commands.ts";

/** Sets one person's reaction to a video. */
export interface ReactionCommand {
  videoId: string;
  userId: string;
  reaction: StoredReaction;
  /** Applied only if this is their reaction now. */
  insteadOf?: StoredReaction;
  /** The id of the new reaction. */
  id: string;
  traceId?: string;
}

interface Change {
  video_id: string;
  user_id: string;
  author_id: string;
  was: StoredReaction;
  now: StoredReaction;
  /** The deletion flag of the person; their row is locked. */
  gone: boolean;
}

/** The SQL of reactions and their counts. */
export function reactionStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /** Sets reactions, as `applyToVideos`. */
    apply: (all: ReactionCommand[]) =>
      applyToVideos(db, events, all, async (transaction, commands, emit) => {
        const changes = await react(transaction, commands);
        const atMs = Date.now();
        refuseDeleted(changes.filter((change) => change.now !== 0));
        const traces = new Map(commands.map((command) => [keyOf(command), command.traceId]));
        for (const { video_id: videoId, user_id: userId, author_id: authorId, was, now } of changes) {
          const event = { videoId, userId, authorId, was, now, atMs };
          emit(reacted, event, traces.get(keyOf(event)));
        }
        return changes;
      }),
    videoStats: (videoIds: string[]) =>
      db
        .selectFrom("video")
        .select([
          "video_id",
          "likes",
          "dislikes",
          "comments",
          sql<boolean>`closed or locked`.as("closed"),
          "bookmarks",
          "reposts",
          "shares",
          "downloads",
        ])
        .where("video_id", "=", sql<string>`any(${videoIds}::int8[])`)
        .execute(),
    userStats: (userIds: string[]) =>
      db
        .selectFrom("person")
        .selectAll()
        .where("user_id", "=", sql<string>`any(${userIds}::int8[])`)
        .execute(),
    /** The reaction of each of these people to the video, and whether they keep and repost it. */
    async opinionsOf(
      pairs: { videoId: string; userId: string }[],
    ): Promise<{ reaction: StoredReaction; kept: boolean; reposted: boolean }[]> {
      if (pairs.length === 0) return [];
      // One text with a hexadecimal digit for each: rows cost many times as much to send and read.
      const { rows } = await sql<{ digits: string }>`
        select string_agg(to_hex(coalesce(r.reaction, 0) + 1 + case when b.id is null then 0 else 3 end
          + case when s.id is null then 0 else 6 end), '' order by p.i) as digits
        from unnest(${pairs.map((pair) => pair.videoId)}::int8[], ${pairs.map((pair) => pair.userId)}::int8[])
          with ordinality as p(video_id, user_id, i)
        left join interaction.reaction r on r.video_id = p.video_id and r.user_id = p.user_id
        left join interaction.bookmark b on b.video_id = p.video_id and b.user_id = p.user_id
        left join interaction.repost s on s.video_id = p.video_id and s.user_id = p.user_id`.execute(db);
      return Array.from(rows[0]!.digits, (digit) => {
        const both = Number.parseInt(digit, 16);
        return {
          reaction: ((both % 3) - 1) as StoredReaction,
          kept: both % 6 >= 3,
          reposted: both >= 6,
        };
      });
    },
    liked(userId: string, before: string | undefined, limit: number) {
      let rows = db
        .selectFrom("reaction")
        .select(["id", "video_id"])
        .where("user_id", "=", userId)
        .where("reaction", "=", 1);
      if (before) rows = rows.where("id", "<", before);
      return rows.orderBy("id", "desc").limit(limit).execute();
    },
  };
}

export type ReactionStore = ReturnType<typeof reactionStore>;

/**
 * The reactions and the three counts that follow from them, in one statement. The videos are locked, and people are
 * counted in the order of ids, so that transactions do not deadlock. People who react are locked even if nothing is
 * counted for them.
 */
async function react(on: Queryable<Tables>, commands: ReactionCommand[]): Promise<Change[]> {
  if (commands.length === 0) return [];
  const { rows } = await sql<Change>`
    with change as materialized (
      select w.video_id, w.user_id, w.id, v.author_id, coalesce(r.reaction, 0) as was, w.reaction as now
      from unnest(${commands.map((command) => command.videoId)}::int8[], ${commands.map((command) => command.userId)}::int8[],
        ${commands.map((command) => command.reaction)}::int2[], ${commands.map((command) => command.insteadOf ?? null)}::int2[],
        ${commands.map((command) => command.id)}::int8[]) as w(video_id, user_id, reaction, instead_of, id)
      join interaction.video v on v.video_id = w.video_id
      left join interaction.reaction r on r.video_id = w.video_id and r.user_id = w.user_id
      where w.reaction <> coalesce(r.reaction, 0) and coalesce(w.instead_of = coalesce(r.reaction, 0), true)
    ), withdrawn as (
      delete from interaction.reaction r using change c
      where c.now = 0 and r.video_id = c.video_id and r.user_id = c.user_id
    ), replaced as (
      update interaction.reaction r set reaction = c.now, id = c.id from change c
      where c.now <> 0 and c.was <> 0 and r.video_id = c.video_id and r.user_id = c.user_id
    ), given as (
      insert into interaction.reaction (video_id, user_id, reaction, id)
      select video_id, user_id, now, id from change where now <> 0 and was = 0
    ), counted as (
      update interaction.video v set likes = v.likes + c.likes, dislikes = v.dislikes + c.dislikes
      from (
        select video_id, sum((now = 1)::int - (was = 1)::int) as likes, sum((now = -1)::int - (was = -1)::int) as dislikes
        from change group by video_id
      ) c where v.video_id = c.video_id
    ), people as (
      insert into interaction.person as p (user_id, likes_received, likes_given)
      select person_id, sum(received), sum(given)
      from change c, lateral (
        values (c.author_id, (now = 1)::int - (was = 1)::int, 0), (c.user_id, 0, (now = 1)::int - (was = 1)::int)
      ) as counts(person_id, received, given)
      where received <> 0 or given <> 0 or person_id = c.user_id
      group by person_id order by person_id
      on conflict (user_id) do update
        set likes_received = p.likes_received + excluded.likes_received, likes_given = p.likes_given + excluded.likes_given
      returning user_id, gone
    )
    select c.video_id, c.user_id, c.author_id, c.was, c.now, p.gone
    from change c join people p on p.user_id = c.user_id`.execute(on);
  return rows;
}
