import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { SessionId, UserId } from "#contracts/ids.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import { maxSessionsPerUser } from "./rules.ts";
import { endEverySession, type SessionStore, sessionStore } from "./session-store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: SessionStore;
const warn = vi.fn();

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("user", `sessions_${Object.keys(migrations).length}`, migrations);
  store = sessionStore(own.db, own.events, { warn });
});

afterAll(() => own.drop());

function add(userId: string, id: number) {
  return store.addSession(
    {
      userId: userId as UserId,
      id: String(id) as SessionId,
      classic: true,
      refreshHash: null,
      userAgent: "",
      expiresAt: new Date(Date.now() + 60_000),
    },
    { id: userId, password_hash: "x", session_epoch: 0 },
    [],
  );
}

async function addAccount(id: string) {
  const { pool } = own.database;
  await pool.query(
    `insert into "user".account (id, username, name_key, name, password_hash) values ($1::text::int8, 'u' || $1::text, 'u' || $1::text, 'x', 'x')`,
    [id],
  );
}

test("a session too many ends the one not used for longest, and nobody else's", async () => {
  await Promise.all([addAccount("1"), addAccount("2")]);
  await add("2", 1);
  const ids = Array.from({ length: maxSessionsPerUser + 3 }, (_, i) => i + 100);
  for (const id of ids) await add("1", id);
  // Not sessionsOf, which shows no more than the maximum.
  const { rows } = await own.database.pool.query('select user_id, id from "user".session order by id');
  const kept = (userId: string) => rows.filter((row) => row.user_id === userId).map((row) => Number(row.id));
  expect(kept("1")).toEqual(ids.slice(3));
  expect(kept("2")).toEqual([1]);
});

test("expired sessions go, others stay, however many there are", async () => {
  const { pool } = own.database;
  await pool.query(
    `insert into "user".session (user_id, id, classic, user_agent, expires_at)
     select 10000 + n, n, true, '', now() + case n % 3 when 0 then interval '1 hour' else interval '-1 second' end
     from generate_series(1, 6000) n`,
  );
  await store.removeExpired(new AbortController().signal);
  const { rows } = await pool.query(
    `select count(*)::int, bool_and(id % 3 = 0) as right from "user".session where user_id > 10000`,
  );
  expect(rows).toEqual([{ count: 2_000, right: true }]);
});

test("an account that is being closed has no session, not even one opened at the same moment", async () => {
  await addAccount("3");
  expect(await add("3", 300)).toBe(true);
  const closing = await own.database.pool.connect();
  await closing.query(`begin; update "user".account set state = 'closing' where id = 3`);
  const late = add("3", 301);
  await expect
    .poll(async () => {
      const { rows } = await own.database.pool.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows.length;
    })
    .toBe(1);
  await closing.query(`delete from "user".session where user_id = 3; commit`);
  closing.release();
  expect(await late).toBe(false);
  expect(await add("3", 302)).toBe(false);
  const { rows } = await own.database.pool.query('select from "user".session where user_id = 3');
  expect(rows).toEqual([]);
});

test("who is signed in stays so where nobody can note that they were here", async () => {
  const { pool } = own.database;
  await addAccount("4");
  await add("4", 400);
  await pool.query(`
    update "user".session set last_used_at = now() - interval '2 hours' where id = 400;
    create function full_disk() returns trigger language plpgsql as
      $$begin raise 'could not extend file' using errcode = '53100'; end$$;
    create trigger full_disk before update on "user".session for each row execute function full_disk()`);
  try {
    const look = { userId: "4", sessionId: "400", unused: false };
    expect(await store.aliveSessions([look])).toMatchObject([{ id: "400", moderator: false }]);
    expect(warn).toHaveBeenCalledTimes(1);
  } finally {
    await pool.query('drop trigger full_disk on "user".session');
  }
});

test("when all sessions end, nobody has one, and no login that was under way opens one", async () => {
  await addAccount("77");
  expect(await add("77", 7_700)).toBeTruthy();
  await endEverySession(own.db);
  const { rows } = await own.database.pool.query('select count(*)::int from "user".session');
  expect(rows).toEqual([{ count: 0 }]);
  expect(await add("77", 7_701)).toBeFalsy();
});
