import pg from "pg";
import { answerQuestions } from "../worker.ts";

export interface WrittenBatches {
  url: string;
  what: "likes" | "follows" | "messages";
  durationMs: number;
}

/** The largest batch of ours, with as many callers as in the benchmark. */
const batchesAtOnce = 2;
const batchSize = 128;
const people = 1000;
const things = 10_000;
/** Unused ids, so that no row exists. */
const peopleBase = 5_000_000_000_000_000n;
const thingsBase = 6_000_000_000_000_000n;
/** As long as the event of a like or a follow. */
const payload = Buffer.alloc(80, 1);

let pool: pg.Pool | undefined;
/** Pairs written so far by each loop. */
const written = Array.from({ length: batchesAtOnce }, () => 0);

/** Likes, follows or messages per second with their counts and events, in batches, each durable before the next. */
answerQuestions(async ({ url, what, durationMs }: WrittenBatches): Promise<number> => {
  if (!pool) {
    pool = new pg.Pool({ connectionString: url, max: batchesAtOnce });
    // Events that no consumer handles.
    await pool.query("create table if not exists public.bench_log (like events.log including all)");
    await pool.query(
      `insert into interaction.video (video_id, author_id)
       select $1::int8 + n, $1::int8 + n from generate_series(0, $2::int - 1) n on conflict do nothing`,
      [thingsBase, things],
    );
  }
  const startedMs = performance.now();
  let count = 0;
  const loop = async (nth: number) => {
    while (performance.now() - startedMs < durationMs) {
      const pairs = Array.from({ length: batchSize }, () => pairAt(nth, written[nth]!++));
      await pool!.query({ name: what, text: statements[what], values: valuesOf(pairs) });
      count += batchSize;
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, (_, nth) => loop(nth)));
  return (count / (performance.now() - startedMs)) * 1000;
});

interface Pair {
  who: string;
  what: string;
}

/** No pair occurs twice, and no two loops share a person or a video. */
function pairAt(loop: number, n: number): Pair {
  const person = n % people;
  const thing = (Math.floor(n / people) + person) % (things / batchesAtOnce);
  return {
    who: String(peopleBase + BigInt(loop * people + person)),
    what: String(thingsBase + BigInt(thing * batchesAtOnce + loop)),
  };
}

function valuesOf(pairs: Pair[]): unknown[] {
  return [
    pairs.map(({ who }) => who),
    pairs.map(({ what }) => what),
    pairs.map((_, i) => i % 16),
    pairs.map(() => payload),
  ];
}

const pairs = "select * from unnest($1::int8[], $2::int8[]) as p(who, what)";
const event = `
  insert into public.bench_log (partition, type, key, payload)
  select partition, 'bench', what::text, payload
  from unnest($2::int8[], $3::int2[], $4::bytea[]) as e(what, partition, payload)`;

const statements = {
  likes: `
    with pair as materialized (${pairs}), fact as (
      insert into interaction.reaction (video_id, user_id, reaction, id) select what, who, 1, what from pair
    ), counted as (
      update interaction.video v set likes = likes + n
      from (select what, count(*) as n from pair group by what) c where v.video_id = c.what
    ), people as (
      insert into interaction.person as p (user_id, likes_received, likes_given)
      select id, sum(received), sum(given)
      from (select what as id, 1 as received, 0 as given from pair union all select who, 0, 1 from pair) c group by id
      on conflict (user_id) do update
        set likes_received = p.likes_received + excluded.likes_received, likes_given = p.likes_given + excluded.likes_given
    )
    ${event}`,
  follows: `
    with pair as materialized (${pairs}), fact as (
      insert into relation.follow (follower_id, followee_id, id) select who, what, what from pair
    ), counted as (
      insert into relation.stats as s (user_id, following, followers)
      select id, sum(following), sum(followers)
      from (select who as id, 1 as following, 0 as followers from pair union all select what, 0, 1 from pair) c group by id
      on conflict (user_id) do update
        set following = s.following + excluded.following, followers = s.followers + excluded.followers
    )
    ${event}`,
  // The message, the conversation of both, and what reaches both.
  messages: `
    with pair as materialized (select *, now_ms + row_number() over () as id from (${pairs}) p,
      (select (extract(epoch from clock_timestamp()) * 4194304000)::int8 as now_ms) n), fact as (
      insert into message.message (low_id, high_id, id, sender_id, content) select who, what, id, who, '12345' from pair
    ), sides as materialized (
      select who as user_id, what as peer_id, who as actor_id, id from pair union all select what, who, who, id from pair
    ), conversations as (
      insert into message.conversation as c (user_id, peer_id, last_id, unread) select user_id, peer_id, id, 1 from sides
      on conflict (user_id, peer_id) do update set last_id = excluded.last_id, unread = c.unread + 1
    ), heads as (
      insert into message.person as p (user_id, unread, seq) select user_id, 1, count(*) from sides group by user_id
      on conflict (user_id) do update set unread = p.unread + 1, seq = p.seq + excluded.seq returning user_id, seq
    ), entries as (
      insert into message.timeline (user_id, seq, kind, at_ms, peer_id, subject_id, actor_id)
      select user_id, seq + 1 - row_number() over (partition by user_id), 1, 1, peer_id, id, actor_id
      from sides join heads using (user_id)
    )
    ${event}`,
};
