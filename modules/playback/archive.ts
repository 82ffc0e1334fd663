import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createGzip } from "node:zlib";
import { sql } from "kysely";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { BlobUses, UsedBlob } from "#platform/module/module.ts";
import { partitionName } from "./partitions.ts";
import type { Tables } from "./tables.ts";

const statementTimeoutMs = 600_000;
const rowsAtOnce = 5_000;

interface Archived {
  blob_key: string | null;
  rows: string | null;
  archived_ms: string | null;
}

async function archived(on: Kysely<Tables> | Transaction<Tables>, startMs: number): Promise<Archived> {
  const { rows } = await sql<Archived>`
    select blob_key, rows, archived_ms from playback.closed_hour where start_ms = ${startMs}`.execute(on);
  return rows[0]!;
}

/**
 * Writes the rows of a closed hour to a blob of compressed lines of JSON. It can end at any step and be repeated: the key is
 * noted before there is a blob of this name, and an hour has been archived when that is noted too.
 */
export async function archiveHour(
  db: Kysely<Tables>,
  blobs: BlobStore,
  startMs: number,
  nowMs: number,
): Promise<void> {
  const before = await archived(db, startMs);
  if (before.archived_ms !== null) return;
  // An hour of which nothing was stored in the end has none.
  const key =
    before.blob_key !== null && (await blobs.size(before.blob_key)) !== undefined
      ? before.blob_key
      : await write(db, blobs, startMs);
  if (key === undefined) return;
  await sql`
    update playback.closed_hour set archived_ms = ${nowMs}
    where start_ms = ${startMs} and blob_key is not distinct from ${key}::text`.execute(db);
}

/** The key; undefined when another process is at it, null when there is nothing. */
async function write(
  db: Kysely<Tables>,
  blobs: BlobStore,
  startMs: number,
): Promise<string | null | undefined> {
  let rows = 0;
  const staged = await inTransaction(db, async (transaction) => {
    const { rows: mine } = await sql`
      select from playback.closed_hour where start_ms = ${startMs} and archived_ms is null
      for update skip locked`.execute(transaction);
    if (mine.length === 0) return undefined;
    await setStatementTimeout(transaction, statementTimeoutMs);
    // Where blobs are kept may be slow.
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
    rows = 0;
    async function* lines() {
      // In an order of its own, so that whoever repeats it gets the same blob; and similar rows compress well.
      await sql`
        declare archived no scroll cursor for
        select to_json(r)::text as line from ${sql.id("playback", partitionName("raw", startMs))} r
        order by video_id, viewer, session, lane, seq`.execute(transaction);
      for (;;) {
        const { rows: found } = await sql<{ line: string }>`
          fetch ${sql.lit(rowsAtOnce)} from archived`.execute(transaction);
        if (found.length === 0) break;
        rows += found.length;
        yield found.map(({ line }) => `${line}\n`).join("");
      }
      await sql`close archived`.execute(transaction);
    }
    const zipped = pipeline(Readable.from(lines()), createGzip(), () => {});
    return blobs.receive(zipped, { maxBytes: Number.MAX_SAFE_INTEGER });
  });
  if (!staged) return undefined;
  const key = rows === 0 ? null : blobKey("plays", staged.sha256, "gz");
  try {
    await sql`
      update playback.closed_hour set blob_key = ${key}, rows = ${rows} where start_ms = ${startMs}`.execute(
      db,
    );
    if (key !== null) await blobs.commit(staged.name, key, staged.sizeBytes);
  } finally {
    await blobs.discard(staged.name);
  }
  return key;
}

/**
 * Reads the archive of an hour into a table with the columns of `playback.raw`. Tells why it is not what was archived;
 * undefined when it is.
 */
export async function loadArchive(
  on: Transaction<Tables>,
  blobs: BlobStore,
  startMs: number,
  table: string,
): Promise<string | undefined> {
  const { blob_key: key, rows } = await archived(on, startMs);
  if (key === null) return undefined;
  if ((await blobs.size(key)) === undefined) return `${key} is missing`;
  const hash = createHash("sha256");
  let read = 0;
  async function* hashed() {
    for await (const chunk of blobs.read(key!)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  let lines: string[] = [];
  const load = async () => {
    // By the names of its columns, which are not the same in every release.
    await sql`
      insert into ${sql.id(table)} select r.* from unnest(${lines}::text[]) line
      cross join lateral jsonb_populate_record(null::playback.raw, line::jsonb) r`.execute(on);
    read += lines.length;
    lines = [];
  };
  try {
    const unzipped = pipeline(Readable.from(hashed()), createGunzip(), () => {});
    for await (const line of createInterface({ input: unzipped })) {
      if (lines.push(line) === rowsAtOnce) await load();
    }
    await load();
  } catch (error) {
    return `${key} cannot be read: ${(error as Error).message}`;
  }
  if (!key.includes(hash.digest("hex"))) return `${key} has another content than its name says`;
  return read === Number(rows) ? undefined : `${key} has ${read} rows, not ${rows}`;
}

/** Locked until the transaction ends, so that the archive is not removed meanwhile. */
export async function lockArchive(on: Transaction<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(on);
}

export const archiveUses: BlobUses<Tables> = {
  async list(db, after, limit) {
    const { rows } = await sql<UsedBlob>`
      select blob_key as key, 'the plays of ' || to_timestamp(start_ms / 1000) as "usedBy", '0' as "personId"
      from playback.closed_hour
      where blob_key > ${after} and archived_ms is not null order by 1 limit ${limit}`.execute(db);
    return rows;
  },
  hold: (db, key, act) =>
    inTransaction(db, async (transaction) => {
      // What is moved may be large.
      await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
      await lockArchive(transaction, key);
      const { rows } = await sql`
        select from playback.closed_hour where blob_key = ${key} and archived_ms is not null`.execute(
        transaction,
      );
      return act(rows.length > 0);
    }),
};
