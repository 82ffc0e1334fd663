import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { type DailyStore, downloads } from "./daily-store.ts";
import { type MarkStore, reposts } from "./mark-store.ts";
import type { RankingStore } from "./ranking-store.ts";
import type { RemovalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";

/** How many rows of videos, and of people, a run looks at. */
const page = 5_000;
/** Of how many it removes something: a chunk of each. */
const most = 20;

interface Stores {
  removal: Pick<RemovalStore, "removeFacts">;
  rankings: Pick<RankingStore, "forget">;
  reposts: Pick<MarkStore, "marksOf" | "apply">;
  downloads: Pick<DailyStore, "forget">;
}

/**
 * Removes what removed videos and deleted people still have: while an update goes on, a process of an earlier release may
 * handle their end, which knows nothing of reposts, downloads and rankings. Each run goes on where the last one ended, over
 * and over.
 */
export function leftovers(db: Kysely<Tables>, stores: Stores): (stopping?: AbortSignal) => Promise<void> {
  const walkVideos = walk(
    (after) => sql`
      with page as (
        select video_id as id, removed from interaction.video where video_id > ${after} order by 1 limit ${page}
      )
      select (select max(id) from page) as last, array(
        select id::text from page where removed and (
          exists (select from interaction.repost where video_id = id)
          or exists (select from interaction.download where video_id = id)
          or exists (select from interaction.ranking_total where video_id = id)
        ) order by id limit ${most}) as found`,
    async (videoId) => {
      for (const facts of [reposts, downloads]) await stores.removal.removeFacts(videoId, facts);
      await stores.rankings.forget(videoId);
    },
  );
  const walkPeople = walk(
    (after) => sql`
      with page as (
        select user_id as id, gone from interaction.person where user_id > ${after} order by 1 limit ${page}
      )
      select (select max(id) from page) as last, array(
        select id::text from page where gone and (
          exists (select from interaction.repost join interaction.video v using (video_id) where user_id = id and not v.removed)
          or exists (select from interaction.download where user_id = id and user_id <> 0)
        ) order by id limit ${most}) as found`,
    async (userId) => {
      const marks = await stores.reposts.marksOf(userId, "0");
      await stores.reposts.apply(
        marks.map((mark) => ({ videoId: mark.video_id, userId, marked: false, id: mark.id })),
      );
      await stores.downloads.forget(userId);
    },
  );

  /** Stays with a page until nothing is found in it. */
  function walk(look: (after: string) => ReturnType<typeof sql>, remove: (id: string) => Promise<unknown>) {
    let after = "0";
    return async (stopping?: AbortSignal) => {
      const { rows } = await look(after).execute(db);
      const { last, found } = rows[0] as { last: string | null; found: string[] };
      for (const id of found) {
        stopping?.throwIfAborted();
        await remove(id);
      }
      if (found.length === 0) after = last ?? "0";
    };
  }

  return async (stopping) => {
    await walkVideos(stopping);
    await walkPeople(stopping);
  };
}
