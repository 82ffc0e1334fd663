import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { ModuleCommand } from "#platform/module/module.ts";
import { stepBegins } from "./steps.ts";
import type { Tables } from "./tables.ts";

/** So many wait at once: workers look for the next one among those that do. */
const mostWaiting = 100;
const lookEveryMs = 500;

/** What was published before there were rungs, or storyboards, or when they could not be made. */
export const lacking = sql<boolean>`state = 'published' and pictures = '[]'
  and (ladder in ('none', 'failed') or (ladder = 'done' and storyboard is null and loudness is null and renditions <> '[]'))`;

/**
 * Has the rungs of old videos made, the newest first, by workers that have nothing better to do. What it has done is in
 * the tables, so it may be stopped at any moment and run again. A video is asked for once in a run.
 */
export const mediaCommand: ModuleCommand<Tables> = {
  summary:
    "backfill: has renditions and storyboards made of videos that lack them, while a server runs and is idle; may be stopped and run again",
  async run(db, words, progress) {
    if (words.length !== 1 || words[0] !== "backfill")
      throw refusal("ARGUMENT_INVALID", "Say: douya media backfill");
    const { total } = await db
      .selectFrom("video")
      .select(({ fn }) => fn.countAll<string>().as("total"))
      .where(lacking)
      .executeTakeFirstOrThrow();
    // An earlier run may have asked for them. What a busy server adds meanwhile is not waited for.
    const awaited = new Set(await waiting(db));
    const before = awaited.size;
    const all = Number(total) + before;
    let olderThan: string | undefined;
    let asked = 0;
    let exhausted = false;
    for (;;) {
      if (awaited.size > 0) {
        const still = new Set(await waiting(db, [...awaited]));
        for (const id of awaited) if (!still.has(id)) awaited.delete(id);
      }
      const now = awaited.size;
      if (!exhausted && now < mostWaiting) {
        const next = await ask(db, mostWaiting - now, olderThan);
        exhausted = next.length === 0;
        olderThan = next.at(-1) ?? olderThan;
        asked += next.length;
        for (const id of next) awaited.add(id);
        if (!exhausted) continue;
      }
      progress("videos", Math.max(0, Math.min(all, before + asked - now)), exhausted ? before + asked : all);
      if (exhausted && now === 0) break;
      await delay(lookEveryMs);
    }
    return [
      before + asked === 0 ? "No video lacks anything." : `${before + asked} videos were gone through.`,
    ];
  },
};

/** The videos, or which of these, whose jobs workers have not ended. */
async function waiting(db: Kysely<Tables>, among?: string[]): Promise<string[]> {
  const jobs = await db
    .selectFrom("job")
    .select("key")
    .where("kind", "=", "ladder")
    .where("dead", "=", false)
    .$if(among !== undefined, (all) => all.where(sql<boolean>`key = any(${among}::text[])`))
    .execute();
  return jobs.map(({ key }) => key);
}

/** Asks for the rungs of the next ones; returns their ids. */
async function ask(db: Kysely<Tables>, limit: number, olderThan: string | undefined): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with next as (
      select id from video.video where ${lacking} and id < ${olderThan ?? "9223372036854775807"}::int8
      order by id desc limit ${limit} for update
    ), marked as (
      update video.video set ladder = 'waiting', steps = ${stepBegins("improving")} where id = any(array(select id from next)) returning id
    ), added as (
      insert into video.job (kind, key) select 'ladder', id::text from marked
      -- One that was given up begins again.
      on conflict (kind, key) do update set dead = false, attempts = 0, run_at = now() where job.dead
    )
    select id from marked order by id desc`.execute(db);
  return rows.map(({ id }) => id);
}
