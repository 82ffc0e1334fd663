import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import pg, { type Pool, type PoolClient } from "pg";
import { positionOf } from "../db/move/change-stream.ts";
import { refusal } from "../errors/reasons.ts";
import { copyOut } from "./copy-out.ts";

/** The major version that a backup can be restored with: ours. */
const majorVersion = 18;
/**
 * PostgreSQL's codes for a role that may not replicate, an address that may not connect for it, and a server that sends no
 * WAL, or to nobody more; a pooler in between knows no replication.
 */
const forbidden = ["42501", "28000", "55000", "53300", "08P01"];
/** A server ends a connection for replication that is silent for a minute. */
const tellEveryMs = 10_000;
/** Of a message of the WAL: its kind, where it begins, where the WAL ends, and when it was sent. */
const walHeadBytes = 25;

/** Parts of the driver that its types leave out. */
type Inner = { connection: pg.Connection & { sendCopyFromChunk(chunk: Buffer): void } };

/** Where the WAL that belongs to a base backup begins, and how it is cut into files. */
export interface WalStart {
  timeline: number;
  position: string;
  segmentBytes: number;
}

/** What becomes of the two streams of a backup, one after the other. */
export interface Receivers {
  /** A tar of the data folder, of about so many bytes. */
  files(tar: Readable, aboutBytes: number): Promise<void>;
  /** Everything from `WalStart` on. */
  wal(bytes: Readable): Promise<void>;
}

/**
 * Takes a backup of a whole server over the replication protocol while it serves. All that was committed before `at` is in
 * it. Errors: BACKUP_ROLE, BACKUP_SERVER_VERSION, BACKUP_TABLESPACES.
 */
export async function takeBaseBackup(
  pool: Pool,
  { files, wal }: Receivers,
): Promise<WalStart & { at: Date }> {
  const options = { ...pool.options, max: 1, replication: "database" } as pg.PoolConfig;
  const replication = new pg.Pool(options);
  replication.on("error", () => {});
  try {
    const session = await replication.connect().catch(orForbidden);
    session.on("error", () => {});
    try {
      return await backUp(session, { files, wal });
    } catch (error) {
      return orForbidden(error);
    } finally {
      // With it goes the slot. A stream that nobody reads to its end would keep the process.
      (session as unknown as Inner).connection.stream.destroy();
      session.release(true);
    }
  } finally {
    await replication.end();
  }
}

async function backUp(session: PoolClient, { files, wal }: Receivers): Promise<WalStart & { at: Date }> {
  const segmentBytes = await lookAtServer(session);
  const slot = `douya_backup_${randomBytes(4).toString("hex")}`;
  // The WAL from here on is kept until it was read.
  await session.query(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY PHYSICAL (RESERVE_WAL)`);
  const { messages, rows } = copyOut(
    session,
    `BASE_BACKUP (LABEL 'douya', CHECKPOINT 'fast', WAL false, WAIT false, PROGRESS true, MANIFEST 'no')`,
  );
  const first = messages[Symbol.asyncIterator]();
  // The rows come before the first message.
  const head = await first.next();
  const [began, place] = rows as [[string, string], [string, string, string]];
  await files(Readable.from(tarOf(head, first)), Number(place[2]) * 1024);
  const timeline = Number(began[1]);
  const start = bytesOf(began[0]) - (bytesOf(began[0]) % BigInt(segmentBytes));
  const at = new Date();
  const { rows: ends } = await session.query<{ lsn: string }>(
    "select pg_current_wal_flush_lsn()::text as lsn",
  );
  await wal(Readable.from(walFrom(session, { slot, timeline, start, end: bytesOf(ends[0]!.lsn) })));
  return { timeline, position: positionOf(start), segmentBytes, at };
}

/** Returns how many bytes the files of its WAL have. */
async function lookAtServer(session: PoolClient): Promise<number> {
  const { rows } = await session.query<{ version: string; segment: string; spaces: string[] }>(
    `select current_setting('server_version_num') as version,
       (select setting from pg_settings where name = 'wal_segment_size') as segment,
       array(select spcname::text from pg_tablespace where spcname not in ('pg_default', 'pg_global')) as spaces`,
  );
  const { version, segment, spaces } = rows[0]!;
  const major = Math.floor(Number(version) / 10_000);
  if (major !== majorVersion) throw refusal("BACKUP_SERVER_VERSION", { major, ours: majorVersion });
  if (spaces.length > 0) throw refusal("BACKUP_TABLESPACES", { spaces: spaces.join(", ") });
  return Number(segment);
}

/** What is in the messages of kind `d`; the others tell names and progress. */
async function* tarOf(head: IteratorResult<Buffer>, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  for (let step = head; !step.done; step = await rest.next())
    if (step.value[0] === "d".charCodeAt(0)) yield step.value.subarray(1);
}

async function* walFrom(
  session: PoolClient,
  { slot, timeline, start, end }: { slot: string; timeline: number; start: bigint; end: bigint },
): AsyncGenerator<Buffer> {
  const { connection } = session as unknown as Inner;
  const { messages } = copyOut(
    session,
    `START_REPLICATION SLOT ${slot} PHYSICAL ${positionOf(start)} TIMELINE ${timeline}`,
  );
  let position = start;
  const tell = () => connection.sendCopyFromChunk(statusOf(position));
  const telling = setInterval(tell, tellEveryMs);
  try {
    for await (const message of messages) {
      if (message[0] !== "w".charCodeAt(0)) continue;
      const bytes = message.subarray(walHeadBytes);
      position = message.readBigUInt64BE(1) + BigInt(bytes.length);
      yield bytes;
      if (position >= end) return;
    }
    throw new Error(`PostgreSQL sends no WAL after ${positionOf(position)}`);
  } finally {
    clearInterval(telling);
  }
}

/** "Standby status update": all up to a position was written, flushed and applied. */
function statusOf(position: bigint): Buffer {
  const message = Buffer.alloc(34);
  message.write("r");
  for (const at of [1, 9, 17]) message.writeBigUInt64BE(position, at);
  return message;
}

function orForbidden(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  if (code !== undefined && forbidden.includes(code)) throw refusal("BACKUP_ROLE", { said: message });
  throw error;
}

/** 0/1555558 as 22369624 */
export function bytesOf(position: string): bigint {
  const [high, low] = position.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}
