import { sql } from "kysely";
import { shared } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { lockPeople } from "./person-rows.ts";
import type { Tables } from "./tables.ts";
import { applyToVideos, keyOf } from "./video-commands.ts";
import { lockVideoIds } from "./video-rows.ts";

/** Shares a video: counted once for each person and day. */
export interface ShareCommand {
  videoId: string;
  userId: string;
  /** In UTC: 2026-11-29. */
  day: string;
  /** Of the new share. */
  code: string;
  traceId?: string;
}

const page = 500;

/** The SQL of shares, their codes and their counts. */
export function shareStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /** Adds shares, as `applyToVideos`; one of the same day is there already. */
    apply: (all: ShareCommand[]) =>
      applyToVideos(db, events, all, async (transaction, commands, emit) => {
        await lockPeople(
          transaction,
          commands.map(({ userId }) => userId),
        );
        const { rows } = await sql<{ video_id: string; user_id: string }>`
          with added as (
            insert into interaction.share (video_id, user_id, day, code)
            select * from unnest(${commands.map(({ videoId }) => videoId)}::int8[],
              ${commands.map(({ userId }) => userId)}::int8[], ${commands.map(({ day }) => day)}::date[],
              ${commands.map(({ code }) => code)}::text[])
            on conflict (video_id, user_id, day) do nothing returning video_id, user_id
          ), counted as (
            update interaction.video v set shares = v.shares + c.n
            from (select video_id, count(*) as n from added group by video_id) c
            where v.video_id = c.video_id
          )
          select video_id, user_id from added`.execute(transaction);
        const changed = new Set(rows.map((row) => keyOf({ videoId: row.video_id, userId: row.user_id })));
        for (const command of commands) {
          if (!changed.has(keyOf(command))) continue;
          const { videoId, userId, traceId } = command;
          emit(shared, { videoId, userId, change: 1, atMs: Date.now() }, traceId);
        }
        return rows;
      }),
    codeOf: async (videoId: string, userId: string, day: string): Promise<string | undefined> =>
      (
        await db
          .selectFrom("share")
          .select("code")
          .where("video_id", "=", videoId)
          .where("user_id", "=", userId)
          .where("day", "=", sql<string>`${day}::date`)
          .executeTakeFirst()
      )?.code,
    videoOf: async (code: string): Promise<string | undefined> =>
      (await db.selectFrom("share").select("video_id").where("code", "=", code).executeTakeFirst())?.video_id,
    /** Removes some of a person's shares, with their counts and events; returns whether there may be more. */
    forget: (userId: string, traceId?: string): Promise<boolean> =>
      events.transaction(db, async (transaction, emit) => {
        const found = await transaction
          .selectFrom("share")
          .select(["code", "video_id"])
          .where("user_id", "=", userId)
          .limit(page)
          .execute();
        await lockVideoIds(
          transaction,
          found.map((row) => row.video_id),
        );
        const { rows } = await sql<{ video_id: string; n: string }>`
          with gone as (
            delete from interaction.share where code = any(${found.map(({ code }) => code)}::text[]) returning video_id
          ), change as (
            select video_id, count(*) as n from gone group by video_id
          ), counted as (
            update interaction.video v set shares = v.shares - c.n from change c where v.video_id = c.video_id
          )
          select video_id, n from change`.execute(transaction);
        for (const { video_id: videoId, n } of rows)
          emit(shared, { videoId, userId, change: -Number(n), atMs: Date.now() }, traceId);
        return found.length === page;
      }),
  };
}

export type ShareStore = ReturnType<typeof shareStore>;
