import { afterAll, beforeAll, expect, test } from "vitest";
import { migrateAll } from "#apps/server/open-databases.ts";
import { modulesOf } from "#apps/server/targets.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { createLog } from "#platform/observe/log.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";

/** The column that Citus would spread each large table by: its shard has all that one statement about a key needs. */
const distributedBy: Record<string, string> = {
  "events.log": "partition",
  "feed.author": "author_id",
  "feed.author_video": "author_id",
  "feed.inbox": "user_id",
  "feed.pull": "user_id",
  "feed.reader": "user_id",
  "feed.source": "user_id",
  "interaction.comment": "video_id",
  "interaction.download": "video_id",
  "interaction.person": "user_id",
  "interaction.bookmark": "video_id",
  "interaction.ranking_bucket": "video_id",
  "interaction.ranking_total": "video_id",
  "interaction.reaction": "video_id",
  "interaction.repost": "video_id",
  "interaction.report": "video_id",
  "interaction.reported": "video_id",
  "interaction.share": "video_id",
  "interaction.shared_picture": "video_id",
  "interaction.video": "video_id",
  "message.conversation": "user_id",
  "message.former_member": "group_id",
  "message.group_chat": "id",
  "message.group_link": "group_id",
  "message.hidden": "user_id",
  "message.invitation": "group_id",
  "message.member": "group_id",
  "message.mention": "group_id",
  // The one with the higher id of a conversation's two people, or the group.
  "message.message": "high_id",
  "message.message_push": "user_id",
  "message.notice_person": "group_id",
  "message.notification": "user_id",
  "message.notification_block": "user_id",
  "message.notification_fact": "user_id",
  "message.notification_gone_video": "video_id",
  "message.notified": "user_id",
  "message.person": "user_id",
  "message.picture": "high_id",
  "message.pictures_sent": "user_id",
  "message.push_subscription": "user_id",
  "message.reaction": "high_id",
  "message.reaction_count": "high_id",
  "message.report": "reporter_id",
  "message.report_line": "reporter_id",
  "message.report_picture": "reporter_id",
  "message.timeline": "user_id",
  "message.told_readers": "user_id",
  "moderation.act": "subject_id",
  "moderation.appeal": "subject_id",
  "moderation.report": "subject_id",
  "moderation.reporter": "user_id",
  "moderation.status": "subject_id",
  "playback.day": "video_id",
  "playback.followers": "author_id",
  "playback.gone_video": "video_id",
  "playback.history": "user_id",
  "playback.hot_act": "video_id",
  "playback.hour": "video_id",
  "playback.minute": "video_id",
  "playback.person": "user_id",
  "playback.position": "user_id",
  "playback.ranking_bucket": "video_id",
  "playback.ranking_total": "video_id",
  "playback.raw": "video_id",
  "playback.retention": "video_id",
  "playback.retention_before": "video_id",
  "playback.session": "video_id",
  "playback.source_day": "video_id",
  "playback.total": "video_id",
  "relation.block": "blocker_id",
  "relation.follow": "follower_id",
  "relation.stats": "user_id",
  "security.entry": "id",
  "user.account": "id",
  "user.export": "user_id",
  "user.guesses": "user_id",
  "user.known_device": "user_id",
  "user.session": "user_id",
  "video.author_stats": "author_id",
  "video.blob_use": "key",
  "video.rendition": "video_id",
  "video.resumable_upload": "owner_id",
  "video.known_file_challenge": "owner_id",
  "video.upload": "owner_id",
  "video.video": "id",
};
/** Tables that stay small, whatever the number of people and videos: work under way, and one row for each of few. */
const local = new Set([
  ...[
    "events.consumer",
    "events.consumer_group",
    "events.dead",
    "events.member",
    "events.origin",
    "events.partitioning",
  ],
  ...["feed.delivery", "feed.job", "feed.pull_clock", "feed.rebuild", "ids.node_lease", "interaction.job"],
  ...["lease.installation", "lease.process", "message.epoch", "message.job", "message.push_key"],
  // A row for each process that appends, for each hour of a year, and for each day.
  ...["playback.closed_hour", "playback.day_rule", "playback.lane", "playback.lane_offset", "playback.part"],
  ...["playback.job", "playback.kept"],
  // New followers of the last 24 hours.
  ...[
    "relation.hot_follow",
    "relation.hot_user",
    "relation.job",
    "user.job",
    "user.signing_key",
    "video.job",
  ],
]);
/** What is only appended to, and read in the order in which it came. */
const withoutKey = ["playback.position", "playback.raw"];
/** Unique keys that Citus could not keep across shards, and what would take their place. */
const acrossShards: Record<string, string> = {
  "interaction.share (code)": "a table of codes by code, written in the same transaction",
  "interaction.shared_picture (code)": "the same",
  "message.group_chat (creator_id, idempotency_key)":
    "a table of made groups by creator_id, written in the same transaction",
  "message.group_link (code)": "a table of codes by code, written in the same transaction",
  "message.push_subscription (endpoint_hash)":
    "a table of people by endpoint, written in the same transaction",
  "user.account (name_key)": "a table of names by name_key, written in the same transaction",
  "video.video (author_id, upload_id)": "a table of published uploads by author_id, beside video.upload",
};

let own: TestDatabase;
let database: Database;
beforeAll(async () => {
  own = await createTestDatabase();
  database = openDatabase(own.url, { log: createLog("silent") });
  await migrateAll(database, modulesOf("all"));
});
afterAll(async () => {
  await database?.close();
  await own?.drop();
});

const ours = "n.nspname not in ('pg_catalog', 'information_schema') and c.relname not like 'kysely%'";

test("every table is spread by a column of its own, or stays small", async () => {
  const { rows } = await database.pool.query<{ name: string; columns: string[] }>(`
    select n.nspname || '.' || c.relname as name, array_agg(a.attname::text) as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition and ${ours} group by 1`);
  const names = rows.map(({ name }) => name);
  expect(names.sort()).toEqual([...Object.keys(distributedBy), ...local].sort());
  for (const { name, columns } of rows) {
    if (!local.has(name)) expect(columns).toContain(distributedBy[name]);
  }
});

test("unique keys contain the column that their table is spread by, and the primary key does", async () => {
  const { rows } = await database.pool.query<{ name: string; primary: boolean; columns: string[] }>(`
    select n.nspname || '.' || c.relname as name, i.indisprimary as primary,
      array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k(num, place)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num
        where k.place <= i.indnkeyatts order by k.place) as columns
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    where i.indisunique and c.relkind in ('r', 'p') and not c.relispartition and ${ours}`);
  const large = rows.filter(({ name }) => !local.has(name));
  const without = large.filter(({ name, columns }) => !columns.includes(distributedBy[name]!));
  expect(without.map(({ name, columns }) => `${name} (${columns.join(", ")})`).sort()).toEqual(
    Object.keys(acrossShards).sort(),
  );
  expect(without.filter(({ primary }) => primary)).toEqual([]);
  const primary = new Set(large.filter((row) => row.primary).map(({ name }) => name));
  expect([...primary, ...withoutKey].sort()).toEqual(Object.keys(distributedBy).sort());
});

test("foreign keys stay within a shard", async () => {
  const { rows } = await database.pool.query<{ from: string; to: string; pairs: [string, string][] }>(`
    select k.conrelid::regclass::text as from, k.confrelid::regclass::text as to,
      array(select array[a.attname::text, b.attname::text] from unnest(k.conkey, k.confkey) as p(own, other)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.own
        join pg_attribute b on b.attrelid = k.confrelid and b.attnum = p.other) as pairs
    from pg_constraint k where k.contype = 'f'`);
  expect(rows.length).toBeGreaterThan(0);
  for (const { from, to, pairs } of rows)
    expect(pairs, `${from} → ${to}`).toContainEqual([distributedBy[from], distributedBy[to]]);
});
