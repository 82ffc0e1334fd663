import { sql } from "kysely";
import { unlessDeleted } from "#contracts/deleted-accounts.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Pair } from "./pairs.ts";
import type { Standing } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { appendAndEmit } from "./timeline-store.ts";

/** What decides who is shown whose presence, and who hides theirs. */
export function presenceStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    /** What is known here of each of these pairs. */
    async standings(pairs: readonly Pair[]): Promise<Pick<Standing, "answered" | "asked" | "hides">[]> {
      const { rows } = await sql<Pick<Standing, "answered" | "asked" | "hides">>`
        select coalesce(own.answered, false) as answered, coalesce(other.answered, false) as asked,
          coalesce(me.hides_presence, false) as hides
        from unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.peerId)}::int8[])
          with ordinality as w(user_id, peer_id, n)
        left join message.conversation own on own.user_id = w.user_id and own.peer_id = w.peer_id
        left join message.conversation other on other.user_id = w.peer_id and other.peer_id = w.user_id
        left join message.person me on me.user_id = w.user_id
        order by w.n`.execute(db);
      return rows;
    },
    /** Of whom nobody is told whether they are here: who hides it, and who is gone. */
    async hidden(userIds: readonly string[]): Promise<string[]> {
      const { rows } = await sql<{ user_id: string }>`
        select user_id from message.person
        where user_id = any(${userIds}::int8[]) and (hides_presence or gone)`.execute(db);
      return rows.map(({ user_id }) => user_id);
    },
    /** Also told to all devices of the person; returns how far their timeline has got. */
    async hide(userId: string, hidden: boolean): Promise<TimelineHead[]> {
      return unlessDeleted(() =>
        events.transaction(db, async (transaction, emit) => {
          const { rows } = await sql`
            insert into message.person as p (user_id, hides_presence)
            select ${userId}::int8, ${hidden}::boolean
            where ${hidden}::boolean or exists (select from message.person where user_id = ${userId}::int8)
            on conflict (user_id) do update set hides_presence = excluded.hides_presence
            where p.hides_presence <> excluded.hides_presence
            returning user_id`.execute(transaction);
          if (rows.length === 0) return [];
          const what = { kind: "settings", peerId: "0", subjectId: hidden ? "1" : "0" } as const;
          const entry = { ...what, userId, atMs: Date.now(), actorId: userId, unread: 0 };
          return appendAndEmit(transaction, emit, [entry]);
        }),
      );
    },
  };
}

export type PresenceStore = ReturnType<typeof presenceStore>;
