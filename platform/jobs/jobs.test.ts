import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Database, type Kysely, openDatabase } from "../db/database.ts";
import { migrate } from "../db/migrate.ts";
import { inTransaction } from "../db/transaction.ts";
import { isTransient } from "../events/transient-error.ts";
import { migrations as leaseMigrations } from "../lease/migrations.ts";
import { type ProcessLease, startLease } from "../lease/process-lease.ts";
import { createLog } from "../observe/log.ts";
import { bundleScript } from "../testing/bundle-script.ts";
import { createTestDatabaseFrom, type TestDatabase } from "../testing/test-database.ts";
import { type JobTables, wholeJobTable } from "./job-table.ts";
import { createJobs, type Jobs } from "./jobs.ts";
import type { Job, JobKind, Workers } from "./workers.ts";

const log = createLog("silent");
const script = join(
  fileURLToPath(new URL("../../build/test", import.meta.url)),
  `run-jobs-${process.pid}.mjs`,
);
let own: TestDatabase;
let database: Database;
let db: Kysely<JobTables>;
type Queue = Jobs & Workers;
const queues: Queue[] = [];
const leases: ProcessLease[] = [];
const children: ChildProcess[] = [];

beforeAll(() => bundleScript(fileURLToPath(new URL("../testing/run-jobs.ts", import.meta.url)), script));
afterAll(() => rm(script, { force: true }));
beforeEach(async () => {
  own = await createTestDatabaseFrom("jobs_lease_1", async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "lease", leaseMigrations);
    await migrate(fresh, "test", {
      "0001-job": `${wholeJobTable("test")} create table test.effect (key text);`,
    });
    await fresh.close();
  });
  database = openDatabase(own.url, { log });
  db = database.of<JobTables>("test");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await Promise.all(queues.splice(0).map((queue) => queue.stop()));
  // The shorter a lease, the less time its database has to answer.
  await Promise.all(leases.splice(0).map((lease) => lease.release().catch(() => {})));
  await database.close();
  await own.drop();
});

type Quick = {
  concurrency?: number;
  heavyAtOnce?: number;
  leaseMs?: number;
  beatMs?: number;
  pauseMs?: number;
};
/** The queue of a process of its own. */
function start(kinds: Record<string, Partial<JobKind> & Pick<JobKind, "run">>, quick: Quick = {}): Queue {
  const { leaseMs = 600_000, beatMs = Math.min(20, leaseMs / 3), ...options } = quick;
  const lease = startLease(database.pool, { log, leaseMs, beatMs });
  leases.push(lease);
  const whole = Object.entries(kinds).map(([name, kind]) => [
    name,
    { maxAttempts: 3, timeoutMs: 60_000, ...kind },
  ]);
  const all = createJobs({ database, lease, log });
  const own = all.of("test");
  const workers = own.work({ kinds: Object.fromEntries(whole), concurrency: 1, pauseMs: 10, ...options });
  const queue = {
    ...own,
    ...workers,
    async stop() {
      await workers.stop();
      await all.stop();
    },
  };
  queues.push(queue);
  return queue;
}
const jobs = () => db.selectFrom("job").selectAll().orderBy("id").execute();
const noJobs = () => expect.poll(jobs, { interval: 10 }).toEqual([]);
const add = (queue: Queue, kind: string, key: string) => queue.add(db, kind, key);
/** Another process takes all jobs over. */
const takeOver = () =>
  database.pool.query(`
    with other as (
      insert into lease.process values (gen_random_uuid(), now() + interval '1 h') returning id
    )
    update test.job set lease_owner = (select id from other) returning *`);
const aborted = ({ signal }: Job) =>
  new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("jobs run in the order in which they are due, and are removed", async () => {
  const ran: string[] = [];
  const queue = start({ note: { run: async ({ key }) => void ran.push(key) } }, { beatMs: 60_000 });
  await inTransaction(db, async (transaction) => {
    for (const key of ["a", "b", "c", "d"]) await queue.add(transaction, "note", key);
    await transaction
      .updateTable("job")
      .set({ run_at: new Date(0) })
      .where("key", "=", "c")
      .execute();
  });
  queue.wake();
  await noJobs();
  expect(ran).toEqual(["c", "a", "b", "d"]);
});

test("the commit that adds a job wakes the workers of this process, and nothing before", async () => {
  const ran: string[] = [];
  const queue = start({ note: { run: async ({ key }) => void ran.push(key) } }, { beatMs: 60_000 });
  await add(queue, "note", "alone");
  await expect.poll(() => ran).toEqual(["alone"]);
  await inTransaction(db, async (transaction) => {
    await queue.add(transaction, "note", "together");
    // Would claim it now if it could see it.
    queue.wake();
    await database.pool.query("select pg_sleep(0.02)");
    expect(ran).toEqual(["alone"]);
  });
  await expect.poll(() => ran).toEqual(["alone", "together"]);
});

test("one query for all modules wakes those with due jobs", async () => {
  await database.pool.query(`create schema second; create table second.job (like test.job including all)`);
  const ran: string[] = [];
  const lease = startLease(database.pool, { log, beatMs: 20 });
  leases.push(lease);
  const all = createJobs({ database, lease, log });
  const kinds = (name: string) => ({
    note: { maxAttempts: 1, timeoutMs: 60_000, run: async ({ key }: Job) => void ran.push(`${name} ${key}`) },
  });
  for (const schema of ["test", "second"]) all.of(schema).work({ kinds: kinds(schema), concurrency: 1 });
  expect(() => all.of("test").work({ kinds: {}, concurrency: 1 })).toThrow(/already/);
  for (const schema of ["test", "second"])
    await database.pool.query(`insert into ${schema}.job (kind, key) values ('note', 'a')`);
  await expect.poll(() => ran.sort()).toEqual(["second a", "test a"]);
  await all.stop();
});

test("a job of a transaction that is rolled back never was", async () => {
  const ran: string[] = [];
  const queue = start({ note: { run: async ({ key }) => void ran.push(key) } });
  const work = inTransaction(db, async (transaction) => {
    await queue.add(transaction, "note", "undone");
    queue.wake();
    throw new Error("changed my mind");
  });
  await expect(work).rejects.toThrow("changed my mind");
  await add(queue, "note", "done");
  await noJobs();
  expect(ran).toEqual(["done"]);
});

test("the same job twice is one; another kind with the same key is another", async () => {
  const ran: string[] = [];
  const note = { run: async ({ key }: Job) => void ran.push(key) };
  const elsewhere = start({ strange: note });
  await Promise.all(Array.from({ length: 5 }, () => add(elsewhere, "note", "a")));
  await add(elsewhere, "other", "a");
  start({ note, other: note });
  await noJobs();
  expect(ran).toEqual(["a", "a"]);
});

test("a job added by another process is found without a wake", async () => {
  const ran: string[] = [];
  start({ note: { run: async ({ key }) => void ran.push(key) } });
  await database.pool.query("insert into test.job (kind, key) values ('note', 'from elsewhere')");
  await expect.poll(() => ran).toEqual(["from elsewhere"]);
});

test("kinds that this process does not know stay for those who do", async () => {
  const queue = start({ note: { run: async () => {} } });
  await add(queue, "strange", "a");
  await add(queue, "note", "a");
  await expect.poll(async () => (await jobs()).map(({ kind }) => kind)).toEqual(["strange"]);
});

test("two queues never run the same job at once, and never more than allowed", async () => {
  const running = new Map<string, number>();
  const ran: string[] = [];
  const most = new Map<number, number>();
  // The first jobs wait for one another, since on a busy machine one queue could do them all.
  let allBusy = () => {};
  const bothBusy = new Promise<void>((resolve) => {
    allBusy = resolve;
  });
  const kind = (queue: number) => ({
    async run({ key }: Job) {
      running.set(key, queue);
      const mine = [...running.values()].filter((other) => other === queue).length;
      most.set(queue, Math.max(most.get(queue) ?? 0, mine));
      ran.push(key);
      if (most.get(1) === 3 && most.get(2) === 3) allBusy();
      await bothBusy;
      await database.pool.query("select pg_sleep(0.002)");
      running.delete(key);
    },
  });
  const queues = [1, 2].map((queue) => start({ note: kind(queue) }, { concurrency: 3 }));
  const keys = Array.from({ length: 60 }, (_, i) => String(i));
  await db
    .insertInto("job")
    .values(keys.map((key) => ({ kind: "note", key }) as never))
    .execute();
  for (const queue of queues) queue.wake();
  await noJobs();
  expect(ran.map(Number).sort((a, b) => a - b)).toEqual(keys.map(Number));
  expect([...most]).toEqual(
    expect.arrayContaining([
      [1, 3],
      [2, 3],
    ]),
  );
});

test("the effect and the end of a job are one", async () => {
  let tries = 0;
  const queue = start({
    effect: {
      run: (job) =>
        inTransaction(db, async (transaction) => {
          await job.finish(transaction);
          await transaction
            .insertInto("effect" as never)
            .values({ key: job.key } as never)
            .execute();
          if (++tries === 1) throw new Error("crashed just before the commit");
        }),
    },
  });
  await add(queue, "effect", "a");
  await noJobs();
  expect((await database.pool.query("select key from test.effect")).rows).toEqual([{ key: "a" }]);
  expect(tries).toBe(2);
});

test("failures are tried again after growing pauses, then given up once", async () => {
  const triedAtMs: number[] = [];
  const attempts: number[] = [];
  const givenUp: unknown[] = [];
  const queue = start(
    {
      fail: {
        async run({ attempt }) {
          triedAtMs.push(performance.now());
          attempts.push(attempt);
          throw new Error(`failure ${attempt}`);
        },
        onExhausted: async (key, error) => void givenUp.push([key, String(error)]),
      },
    },
    { pauseMs: 30, beatMs: 5 },
  );
  await add(queue, "fail", "a");
  await expect.poll(async () => (await jobs())[0]?.dead).toBe(true);
  expect(attempts).toEqual([1, 2, 3]);
  expect(triedAtMs[1]! - triedAtMs[0]!).toBeGreaterThanOrEqual(30);
  expect(triedAtMs[2]! - triedAtMs[1]!).toBeGreaterThanOrEqual(120);
  expect(givenUp).toEqual([["a", "Error: failure 3"]]);
  expect(await jobs()).toMatchObject([{ attempts: 3, last_error: "Error: failure 3", lease_owner: null }]);
  await add(queue, "fail", "a");
  queue.wake();
  await queue.stop();
  expect(attempts).toHaveLength(3);
});

test("an error that snoozes a job does not count as an attempt, however often; the job is given up for the rest only", async () => {
  const attempts: number[] = [];
  const queue = start(
    {
      wait: {
        snoozeOn: (error) => String(error).includes("not now"),
        async run({ attempt }) {
          attempts.push(attempt);
          throw new Error(attempts.length === 2 || attempts.length > 6 ? "failed" : "not now");
        },
      },
    },
    { pauseMs: 1, beatMs: 5 },
  );
  await add(queue, "wait", "a");
  await expect.poll(async () => (await jobs())[0]?.dead).toBe(true);
  expect(attempts).toEqual([1, 1, 2, 2, 2, 2, 2, 3]);
});

test("giving up that fails is tried again", async () => {
  let tries = 0;
  const queue = start({
    fail: {
      maxAttempts: 1,
      run: () => Promise.reject(new Error("failed")),
      async onExhausted() {
        if (++tries === 1) throw new Error("the database hiccuped");
      },
    },
  });
  await add(queue, "fail", "a");
  await expect.poll(async () => (await jobs())[0]?.dead).toBe(true);
  expect(tries).toBe(2);
});

test("a job that takes too long is interrupted and counts as failed", async () => {
  const queue = start({ slow: { run: aborted, timeoutMs: 30, maxAttempts: 1 } });
  await add(queue, "slow", "a");
  await expect.poll(async () => (await jobs())[0]?.last_error).toMatch(/not end within 30 ms/);
});

test("a job at its timeout is told so by a refusal, which snoozes those that wait for what is slow", async () => {
  const reasons: unknown[] = [];
  const run = async (job: Job) => {
    await aborted(job).catch((error) => {
      reasons.push([job.attempt, error.reason, error.kind]);
      throw error;
    });
  };
  const queue = start(
    { slow: { run, timeoutMs: 5, maxAttempts: 1, snoozeOn: isTransient } },
    { pauseMs: 1, beatMs: 5 },
  );
  await add(queue, "slow", "a");
  await expect.poll(() => reasons.length).toBeGreaterThan(1);
  expect(reasons.slice(0, 2)).toEqual(Array(2).fill([1, "JOB_TOO_SLOW", "deadline"]));
});

test("a job is interrupted by a refusal", async () => {
  const reasons: unknown[] = [];
  let begun = 0;
  const run = (job: Job) => {
    begun++;
    return aborted(job).catch(({ reason, kind }) => void reasons.push([reason, kind]));
  };
  const queue = start({ slow: { run } });
  await add(queue, "slow", "a");
  // Others see that it was taken before its own process does.
  await expect.poll(() => begun).toBe(1);
  await queue.stop();
  expect(reasons).toEqual([["JOB_INTERRUPTED", "unavailable"]]);
});

test("stop gives a running job back at once, without counting the attempt", async () => {
  let begun = 0;
  const counted = async (job: Job) => {
    begun++;
    await aborted(job).finally(() => database.pool.query("select pg_sleep(0.05)"));
  };
  const queue = start({ slow: { run: counted } }, { concurrency: 2, pauseMs: 60_000 });
  await add(queue, "slow", "a");
  await expect.poll(() => begun).toBe(1);
  await queue.stop();
  expect(await jobs()).toMatchObject([{ attempts: 0, lease_owner: null, last_error: null, dead: false }]);
  const ran: number[] = [];
  start({ slow: { run: async ({ attempt }) => void ran.push(attempt) } });
  await noJobs();
  expect(ran).toEqual([1]);
});

test("a job that is taken while the queue stops is not begun", async () => {
  let begun = 0;
  const note = { run: async () => void begun++ };
  await add(start({ strange: note }), "note", "a");
  // Looks for jobs as soon as it starts.
  const queue = start({ note });
  await queue.stop();
  expect(begun).toBe(0);
  expect(await jobs()).toMatchObject([{ attempts: 0, lease_owner: null }]);
});

test("a long job keeps its lease, in this process and against others", async () => {
  const begun: string[] = [];
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const long = {
    async run({ key }: Job) {
      begun.push(key);
      await ended;
    },
  };
  const leaseMs = 1500;
  const queue = start({ long }, { leaseMs, concurrency: 5 });
  await add(queue, "long", "a");
  await expect.poll(() => begun).toEqual(["a"]);
  // It looks for jobs all the time, and for leases that are over only now: later that one may seem so for a moment.
  start({ long }, { concurrency: 5 });
  const expiry = async () =>
    (await database.pool.query("select expires_at from lease.process order by 1 limit 1")).rows[0].expires_at;
  const first = await expiry();
  // Renewed by when that is over.
  await expect.poll(async () => (await expiry()) - first).toBeGreaterThan(leaseMs);
  expect(begun).toEqual(["a"]);
  end();
  await noJobs();
});

test("a process that missed its renewals does not begin its own job again", async () => {
  let begun = 0;
  const long = (job: Job) => {
    begun++;
    return aborted(job);
  };
  const queue = start({ long: { run: long } }, { beatMs: 60_000, concurrency: 5 });
  await add(queue, "long", "a");
  queue.wake();
  await expect.poll(() => begun).toBe(1);
  // Another process takes it for dead.
  await database.pool.query("delete from lease.process");
  await add(queue, "long", "b");
  queue.wake();
  await expect.poll(() => begun).toBe(2);
  expect((await jobs()).map(({ attempts }) => attempts)).toEqual([1, 1]);
});

test("a job whose process lost its lease is given back uncounted, however often", async () => {
  const attempts: number[] = [];
  const run = async (job: Job) => {
    attempts.push(job.attempt);
    if (attempts.length < 4) await aborted(job);
  };
  const queue = start({ long: { run, maxAttempts: 2 } }, { leaseMs: 300 });
  await add(queue, "long", "a");
  for (let begun = 1; begun < 4; begun++) {
    await expect.poll(() => attempts.length).toBeGreaterThanOrEqual(begun);
    await database.pool.query("delete from lease.process");
  }
  await noJobs();
  expect(attempts.length).toBeGreaterThanOrEqual(4);
  expect(new Set(attempts)).toEqual(new Set([1]));
});

test("a worker without its lease is interrupted, cannot finish, and changes nothing", async () => {
  let lost!: Job;
  let end!: (error: Error) => void;
  const givenUp: string[] = [];
  const queue = start(
    {
      note: {
        maxAttempts: 1,
        run: (job) =>
          new Promise((_resolve, reject) => {
            lost = job;
            end = reject;
          }),
        onExhausted: async (key) => void givenUp.push(key),
      },
    },
    { leaseMs: 300 },
  );
  await add(queue, "note", "a");
  await expect.poll(() => lost !== undefined).toBe(true);
  const { rows } = await takeOver();
  await expect(db.transaction().execute((transaction) => lost.finish(transaction))).rejects.toThrow(
    /taken over/,
  );
  await expect.poll(() => lost.signal.aborted).toBe(true);
  end(new Error("too late"));
  await queue.stop();
  expect(givenUp).toEqual([]);
  expect((await jobs())[0]?.lease_owner).toBe(rows[0].lease_owner);
});

test.each([
  1, 3,
])("a failure right after the lease was lost changes nothing (of %i attempts)", async (maxAttempts) => {
  const givenUp: string[] = [];
  let takenOver = false;
  const queue = start({
    note: {
      maxAttempts,
      async run() {
        await takeOver();
        takenOver = true;
        throw new Error("failed");
      },
      onExhausted: async (key) => void givenUp.push(key),
    },
  });
  await add(queue, "note", "a");
  await expect.poll(() => takenOver).toBe(true);
  await queue.stop();
  expect(givenUp).toEqual([]);
  expect(await jobs()).toMatchObject([
    { attempts: 1, dead: false, last_error: null, lease_owner: expect.any(String) },
  ]);
});

test("a job whose process is killed is taken over when the lease has run out; one that kills all is given up", async () => {
  const leaseMs = 700;
  /** A process that begins the job and is killed. */
  async function die(attempt: number): Promise<void> {
    const child = spawn(process.execPath, [script, own.url, String(leaseMs)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    const [line] = await once(child.stdout!, "data");
    expect(String(line)).toBe(`deadly ${attempt}\n`);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await database.pool.query("insert into test.job (kind, key) values ('hang', 'deadly')");
  await die(1);
  const [left] = await jobs();
  expect(left).toMatchObject({ attempts: 1, dead: false });
  const lease = `select expires_at from lease.process where id = '${left!.lease_owner}'`;
  const [first] = (await database.pool.query(lease)).rows;
  await die(2);
  const { rows } = await database.pool.query("select now() > $1 as over", [first.expires_at]);
  expect(rows).toEqual([{ over: true }]);
  expect((await database.pool.query(lease)).rows).toEqual([]);

  const begun: string[] = [];
  const givenUp: string[] = [];
  start(
    {
      hang: {
        maxAttempts: 2,
        run: async ({ key }) => void begun.push(key),
        onExhausted: async (key, error) => void givenUp.push(`${key}: ${error}`),
      },
    },
    { leaseMs },
  );
  await expect.poll(async () => (await jobs())[0]?.dead).toBe(true);
  expect(begun).toEqual([]);
  expect(givenUp).toEqual(["deadly: Error: no attempt came to an end"]);
});

test("while the database is away nothing is lost, and work goes on when it is back", async () => {
  const ran: string[] = [];
  const queue = start({ note: { run: async ({ key }) => void ran.push(key) } });
  await database.pool.query("alter table test.job rename to gone");
  queue.wake();
  await database.pool.query("insert into test.gone (kind, key) values ('note', 'a')");
  await database.pool.query("alter table test.gone rename to job");
  await noJobs();
  expect(ran).toEqual(["a"]);
});

test("owners are scheduled fairly, short work comes before long, and long work comes all the same", async () => {
  const ran: string[] = [];
  const queue = start({ note: { run: async ({ key }) => void ran.push(key) } }, { beatMs: 60_000 });
  const ask = (on: typeof db, owner: string, key: string, expectedMs: number) =>
    queue.add(on, "note", key, { owner, expectedMs });
  await inTransaction(db, async (transaction) => {
    for (const key of ["eve 1", "eve 2", "eve 3"]) await ask(transaction, "eve", key, 1000);
    await ask(transaction, "ada", "ada 1", 1000);
    await ask(transaction, "ben", "long", 60_000);
    await ask(transaction, "cem", "short", 100);
  });
  queue.wake();
  await noJobs();
  expect(ran).toEqual(["short", "eve 1", "ada 1", "eve 2", "eve 3", "long"]);

  ran.length = 0;
  await inTransaction(db, async (transaction) => {
    await ask(transaction, "ben", "long", 60_000);
    // Has waited for five minutes.
    await transaction.updateTable("job").set({ turn_at: sql`turn_at - interval '5 minutes'` }).execute();
    await ask(transaction, "ada", "short", 100);
  });
  queue.wake();
  await noJobs();
  expect(ran).toEqual(["long", "short"]);
});

test("one owner's work, however short it was thought, leaves a place to others", async () => {
  const began: string[] = [];
  const run = async (job: Job) => {
    began.push(job.key);
    if (job.key.startsWith("long")) await aborted(job);
  };
  const queue = start({ work: { run } }, { concurrency: 3 });
  for (const key of ["long 1", "long 2", "long 3"])
    await queue.add(db, "work", key, { owner: "one", expectedMs: 1 });
  await expect.poll(() => began).toEqual(["long 1", "long 2"]);
  await queue.add(db, "work", "another's", { owner: "other", expectedMs: 1000 });
  await add(queue, "work", "nobody's");
  await expect.poll(async () => (await jobs()).map(({ key }) => key)).toEqual(["long 1", "long 2", "long 3"]);
  expect(began).not.toContain("long 3");
});

test("background work that has waited for long begins beside other work, and no other does", async () => {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let busy = 0;
  const ran: string[] = [];
  const queue = start(
    {
      busy: {
        async run() {
          busy++;
          await ended;
        },
      },
      back: { background: true, run: async ({ key }) => void ran.push(key) },
    },
    { concurrency: 1 },
  );
  await add(queue, "busy", "always");
  await expect.poll(() => busy).toBe(1);
  await database.pool.query(`
    insert into test.job (kind, key, run_at) values
      ('back', 'fresh', now()), ('back', 'old', now() - interval '16 min'), ('back', 'older', now() - interval '1 h')`);
  queue.wake();
  await expect.poll(() => ran).toEqual(["older", "old"]);
  await expect.poll(async () => (await jobs()).map(({ key }) => key).sort()).toEqual(["always", "fresh"]);
  expect(ran).toEqual(["older", "old"]);
  end();
  await noJobs();
});

test("background work begins when nothing else is due, one at a time, and nothing else waits for it", async () => {
  const began: string[] = [];
  const run = async (job: Job) => {
    began.push(job.key);
    if (job.key.startsWith("long")) await aborted(job);
  };
  const kinds = { work: { run }, improve: { run, background: true } };
  const strange = start({ strange: { run } });
  for (const key of ["long background 1", "background 2"]) await add(strange, "improve", key);
  await add(strange, "work", "older than none of them");
  const queue = start(kinds, { concurrency: 1 });
  await expect.poll(() => began).toEqual(["older than none of them", "long background 1"]);
  // The only place is still free.
  expect(queue.hasRoom()).toBe(true);
  await add(queue, "work", "another");
  await expect.poll(() => began).toEqual(["older than none of them", "long background 1", "another"]);
  await add(queue, "work", "long work");
  await expect.poll(() => began.at(-1)).toBe("long work");
  await database.pool.query("delete from test.job where key = 'long background 1'");
  await expect.poll(async () => (await jobs()).map(({ key }) => key)).toEqual(["background 2", "long work"]);
  queue.wake();
  await expect.poll(() => queue.hasRoom()).toBe(false);
  expect(began).not.toContain("background 2");
  await database.pool.query("delete from test.job where key = 'long work'");
  await expect.poll(() => began.at(-1)).toBe("background 2");
});

test("brief work begins when it is due although no place is free, and not before", async () => {
  const began: string[] = [];
  const run = async (job: Job) => {
    began.push(job.key);
    if (job.key.startsWith("long")) await aborted(job);
  };
  const queue = start({ work: { run }, ring: { run, brief: true } }, { concurrency: 1 });
  await queue.add(db, "ring", "in an hour", { runAt: new Date(Date.now() + 3_600_000) });
  await add(queue, "work", "long work");
  await expect.poll(() => began).toEqual(["long work"]);
  await queue.add(db, "ring", "now", { runAt: new Date(Date.now() + 50) });
  await expect.poll(() => began).toEqual(["long work", "now"]);
  await expect.poll(async () => (await jobs()).map(({ key }) => key)).toEqual(["in an hour", "long work"]);
});

test("what waits for others outside has places of its own, which no owner takes all, and no other job waits for it", async () => {
  const began: string[] = [];
  const run = async (job: Job) => {
    began.push(job.key);
    if (!job.key.startsWith("short")) await aborted(job);
  };
  const kinds = { call: { run, apart: true }, work: { run } };
  const elsewhere = start({ strange: { run } });
  await elsewhere.addAll(
    db,
    "call",
    ["eve 1", "eve 2", "eve 3"].map((key) => ({ key, owner: "eve", expectedMs: 100 })),
  );
  const queue = start(kinds, { concurrency: 2 });
  await expect.poll(() => began).toEqual(["eve 1"]);
  await add(queue, "work", "short work");
  await queue.add(db, "call", "short call", { owner: "ada", expectedMs: 100 });
  await expect.poll(() => [...began].sort()).toEqual(["eve 1", "short call", "short work"]);
  await queue.add(db, "call", "ben's", { owner: "ben", expectedMs: 100 });
  await expect.poll(() => began.at(-1)).toBe("ben's");
  await add(queue, "work", "long work");
  await expect.poll(() => began.at(-1)).toBe("long work");
  expect(began).not.toContain("eve 2");
  // None of them has ended.
  expect((await jobs()).filter(({ last_error }) => last_error !== null)).toEqual([]);
});

test("many jobs in one statement have the places that they have one after the other, and none is there twice", async () => {
  const queue = start({ strange: { run: async () => {} } });
  const runAt = new Date("2030-01-02T03:04:05.678Z");
  const many = [
    { key: "eve 1", owner: "eve", expectedMs: 1_000 },
    { key: "ada 1", owner: "ada", expectedMs: 30_000, traceId: "t" },
    { key: "eve 2", owner: "eve", expectedMs: 500, runAt },
    { key: "nobody's", expectedMs: 30_000 },
    // Nobody knows how long.
    { key: "cem 1", owner: "cem", expectedMs: Number.NaN },
  ];
  await queue.addAll(db, "note", many);
  await queue.addAll(db, "note", [...many, { key: "eve 3", owner: "eve" }]);
  await queue.addAll(db, "note", []);
  const rows = await jobs();
  const [first] = rows;
  const place = ({ turn_at }: { turn_at: Date | null }) =>
    turn_at && turn_at.getTime() - first!.turn_at!.getTime();
  expect(rows.map((row) => [row.key, row.owner, place(row), row.heavy, row.trace_id])).toEqual([
    ["eve 1", "eve", 0, false, null],
    ["ada 1", "ada", 116_000, true, "t"],
    ["eve 2", "eve", 2_000, false, null],
    ["nobody's", null, null, false, null],
    ["cem 1", "cem", -4_000, false, null],
    ["eve 3", "eve", expect.any(Number), false, null],
  ]);
  expect(place(rows[5]!)).toBeGreaterThanOrEqual(2_000);
  expect(rows[2]!.run_at).toEqual(runAt);
});

test("short work need not wait until heavy work has ended", async () => {
  const began: string[] = [];
  const run = async (job: Job) => {
    began.push(job.key);
    if (job.key.startsWith("heavy")) await aborted(job);
  };
  const queue = start({ work: { run } }, { concurrency: 2, heavyAtOnce: 1 });
  for (const key of ["heavy 1", "heavy 2"])
    await queue.add(db, "work", key, { owner: "eve", expectedMs: 60_000 });
  await expect.poll(() => began).toEqual(["heavy 1"]);
  await queue.add(db, "work", "short", { owner: "ada", expectedMs: 500 });
  await expect.poll(() => began).toEqual(["heavy 1", "short"]);
  await expect.poll(async () => (await jobs()).map(({ key }) => key)).toEqual(["heavy 1", "heavy 2"]);
  expect(began).not.toContain("heavy 2");
});
