import pg from "pg";
import { inboxesChanged } from "#contracts/events.ts";
import { partitionHash } from "#platform/events/partitions.ts";

/**
 * Adds `count` videos by copying the row of a published one, since making each would take the pipeline half a second.
 * `publishedMs(i)` is when each was published; ids grow with `i`. Resolves with the ids.
 */
export async function copyVideo(
  databaseUrl: string,
  videoId: string,
  count: number,
  publishedMs: (i: number) => number,
): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ columns: string }>(
      `select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
       where table_schema = 'video' and table_name = 'video'
         and column_name not in ('id', 'upload_id', 'title', 'published_ms')`,
    );
    const columns = rows[0]!.columns;
    const ids = Array.from({ length: count }, (_, i) => String(BigInt(videoId) + BigInt(i) + 1n));
    await client.query(
      `insert into video.video (id, upload_id, title, published_ms, ${columns})
       select copy.id, copy.id, 'copy ' || copy.at, copy.ms, ${columns}
       from video.video, unnest($2::int8[], $3::int8[]) with ordinality as copy(id, ms, at)
       where video.id = $1`,
      [videoId, ids, ids.map((_, i) => publishedMs(i))],
    );
    await client.query(
      `update video.author_stats set works = works + $2
       where author_id = (select author_id from video.video where id = $1)`,
      [videoId, count],
    );
    // Cached pages of feeds are valid until an event says otherwise.
    await client.query("select events.append_hashed($1, $2, $3, $4, $5)", [
      ...[[partitionHash("")], [inboxesChanged.name], [""], [Buffer.alloc(0)], [null]],
    ]);
    return ids;
  } finally {
    await client.end();
  }
}
