import { type QueryExecutorProvider, sql } from "kysely";
import type { Kysely } from "../db/database.ts";
import type { Logger } from "../observe/log.ts";

/**
 * The content of an entry. Never a password, a token, or a name that may be a password typed into the wrong field.
 */
type SecurityKind =
  | "registered"
  | "login"
  | "login-failed"
  | "login-refused"
  | "wrong-password"
  | "password-changed"
  | "session-ended"
  | "all-sessions-ended"
  | "token-reused"
  | "account-closing"
  | "role-given"
  | "role-taken"
  | "video-held"
  | "video-released"
  | "comment-deleted"
  | "reports-dismissed"
  | "moderated"
  | "figures-seen";

interface SecurityEntry {
  kind: SecurityKind;
  /** The person it is about. */
  userId?: string | undefined;
  /** The person who did it, if that is somebody else. */
  actorId?: string | undefined;
  /** `video 12`, `session 34`. */
  subject?: string;
  address?: string;
  device?: string;
  /** The reason in the words of the person who acted, or the stable reason of a refusal. */
  reason?: string;
}

export interface SecurityLog {
  /**
   * Written within a few seconds; equal ones are merged and counted, and of very many different ones only some are
   * written.
   */
  note(entry: SecurityEntry): void;
  /** Written at once, for actions that somebody is accountable for; `on`: in the transaction of the action. */
  write(entry: SecurityEntry, on?: QueryExecutorProvider): Promise<void>;
  /** Writes what is left. */
  stop(): Promise<void>;
}

const flushMs = 2_000;
/** Different entries in one write: an attack from many addresses is visible by its count, and fills no disk. */
const maxDifferent = 50;
const maxText = 300;
const keptDays = 180;
/** At most this many refusals and failures, which strangers cause, are kept: the newest. */
const keptFailures = 1_000_000;
const sweepMs = 3_600_000;

/** Writes to the table that `douya security-log` reads. Entries are only added; old ones are removed. */
export function createSecurityLog(db: Kysely<unknown>, log: Logger): SecurityLog {
  let waiting = new Map<string, { entry: SecurityEntry; times: number }>();
  let writing: Promise<void> = Promise.resolve();
  let sweptAtMs = 0;

  async function insert(
    entries: { entry: SecurityEntry; times: number }[],
    on: QueryExecutorProvider = db,
  ): Promise<void> {
    if (entries.length === 0) return;
    const column = (of: (entry: SecurityEntry) => string | undefined) =>
      entries.map(({ entry }) => of(entry)?.slice(0, maxText).replaceAll("\0", "") ?? null);
    await sql`
      insert into security.entry (kind, user_id, actor_id, subject, address, device, reason, times)
      select kind, user_id, actor_id, coalesce(subject, ''), coalesce(address, ''), coalesce(device, ''),
        coalesce(reason, ''), times
      from unnest(${column((entry) => entry.kind)}::text[], ${column((entry) => entry.userId)}::int8[],
        ${column((entry) => entry.actorId)}::int8[], ${column((entry) => entry.subject)}::text[],
        ${column((entry) => entry.address)}::text[], ${column((entry) => entry.device)}::text[],
        ${column((entry) => entry.reason)}::text[], ${entries.map(({ times }) => times)}::int4[]
      ) as t(kind, user_id, actor_id, subject, address, device, reason, times)`.execute(on);
  }

  async function sweep(): Promise<void> {
    if (Date.now() - sweptAtMs < sweepMs) return;
    sweptAtMs = Date.now();
    await sql`delete from security.entry where at < now() - ${keptDays} * interval '1 day'`.execute(db);
    await sql`
      delete from security.entry where kind in ('login-failed', 'login-refused')
        and id < (select max(id) from security.entry) - ${keptFailures}`.execute(db);
  }

  function flush(): Promise<void> {
    const now = [...waiting.values()];
    waiting = new Map();
    writing = writing
      .then(() => insert(now))
      .then(sweep)
      .catch((error) => log.error({ err: error }, "the security log could not be written"));
    return writing;
  }
  const timer = setInterval(() => {
    if (waiting.size > 0) void flush();
  }, flushMs);

  return {
    note(entry) {
      let shown = entry;
      let key = JSON.stringify(entry);
      if (!waiting.has(key) && waiting.size >= maxDifferent) {
        shown = { kind: entry.kind, reason: "many different ones at once" };
        key = JSON.stringify(shown);
      }
      const known = waiting.get(key);
      if (known) known.times++;
      else waiting.set(key, { entry: shown, times: 1 });
    },
    write: (entry, on) => insert([{ entry, times: 1 }], on),
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}
