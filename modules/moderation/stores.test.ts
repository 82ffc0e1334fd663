import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { actsOf, type SubjectKind, timedActs } from "#contracts/moderation-names.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { heldUp, waiting as waitingForLocks } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { actStore, type NewAct } from "./act-store.ts";
import { migrations } from "./migrations.ts";
import { reportStore } from "./report-store.ts";
import { after, maxWaitingReports, untouched } from "./rules.ts";
import { type Found, standingOf } from "./status-rows.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let acts: ReturnType<typeof actStore>;
let reports: ReturnType<typeof reportStore>;
// Two processes, of which one has a clock that is a minute ahead.
const [ids, ahead] = [0, 60_000].map((byMs, node) =>
  createSnowflake({ node, floorMs: 0, nowMs: () => Date.now() + byMs }),
) as [ReturnType<typeof createSnowflake>, ReturnType<typeof createSnowflake>];
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("moderation", "1", migrations);
  acts = actStore(own.db, own.events, ids);
  reports = reportStore(own.db);
});
afterEach(async () => {
  await own.drop();
});

const video = (id: string, ownerId = "1"): Found => ({ kind: "video", id, ownerId, videoId: id });
const made = (act: NewAct["act"], untilMs: number | null = null): NewAct => ({
  ...{ act, actorId: "9", reason: "", note: "", words: "", untilMs },
});
const queue = (byWeight = false) => reports.queue({ kind: "", byWeight }, undefined, 50);
const waiting = async () => (await queue()).map((row) => row.subject_id);
const report = (subject: Found, reporterId: string, words = "") =>
  reports.add({ subject, reporterId, id: ids.next(), reason: "spam", words, evidenceId: null });

test("whoever acts at the same time, a status is what its acts amount to, and nobody can change these", async () => {
  const kinds: SubjectKind[] = ["video", "user", "comment", "group"];
  const subjects = [10, 11, 12, 13].map((id, i) => ({
    kind: kinds[i]!,
    id: `${id}`,
    ownerId: "1",
    videoId: null,
  }));
  const other = actStore(own.db, own.events, ahead);
  const anAct = fc.record({
    at: fc.nat(3),
    pick: fc.nat(),
    minutes: fc.option(fc.integer({ min: 1, max: 9 })),
    isAhead: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anAct, { minLength: 1, maxLength: 12 }), async (all) => {
      await Promise.all(
        all.map(({ at, pick, minutes, isAhead }) => {
          const subject = subjects[at]!;
          const names = actsOf[subject.kind];
          const act = names[pick % names.length]!;
          const untilMs = minutes !== null && timedActs.includes(act) ? Date.now() + minutes * 60_000 : null;
          return (isAhead ? other : acts).add([subject], made(act, untilMs));
        }),
      );
      for (const { id } of subjects) {
        const done = (await acts.list({ subjectId: id }, undefined, 10_000)).reverse();
        const status = await own.db
          .selectFrom("status")
          .selectAll()
          .where("subject_id", "=", id)
          .executeTakeFirst();
        if (!status) continue;
        const folded = done.reduce(
          (standing, row) =>
            after(standing, {
              id: row.id,
              act: row.act,
              untilMs: row.until_ms === null ? null : Number(row.until_ms),
            }),
          untouched,
        );
        expect(standingOf(status)).toEqual(folded);
        expect(status.last_act).toBe(done.at(-1)!.id);
      }
    }),
    { numRuns: 15 },
  );
  for (const change of [
    "update moderation.act set note = ''",
    "delete from moderation.act",
    "truncate moderation.act",
  ])
    await expect(own.database.pool.query(change)).rejects.toThrow("only added");
});

test("what has an end is ended by nobody, once its time has come", async () => {
  await acts.add([video("10")], made("take-down", Date.now() + 1_000));
  await acts.add([video("11")], made("take-down"));
  await acts.expire(Date.now(), new AbortController().signal);
  expect(await acts.list({ act: "expire" }, undefined, 10)).toEqual([]);
  const later = createSnowflake({ node: 2, floorMs: 0, nowMs: () => Date.now() + 2_000 });
  // Two processes have seen it, and wait for each other.
  const end = () =>
    actStore(own.db, own.events, later).expire(Date.now() + 2_000, new AbortController().signal);
  let second: Promise<void> | undefined;
  await heldUp(
    own.database.pool,
    "select from moderation.status where subject_id = 10 for update",
    end,
    async () => {
      second = end();
      await waitingForLocks(own.database.pool, 2);
    },
  );
  await second;
  expect(await acts.list({ act: "expire" }, undefined, 10)).toEqual([
    expect.objectContaining({ subject_id: "10", actor_id: "0" }),
  ]);
  const rows = await own.db
    .selectFrom("status")
    .select(["subject_id", "reach"])
    .orderBy("subject_id")
    .execute();
  expect(rows.map(({ reach }) => reach)).toEqual(["full", "down"]);
});

test("a thing waits once, by its oldest report, and weighs as much as its reporters are believed", async () => {
  await report(video("10"), "2", "first");
  await report(video("11"), "2");
  for (const who of ["3", "3", "4"]) await report(video("11"), who, `of ${who}`);
  expect(await waiting()).toEqual(["10", "11"]);
  expect((await queue(true)).map((row) => [row.subject_id, row.weight])).toEqual([
    ["11", 3],
    ["10", 1],
  ]);
  expect((await queue())[1]).toMatchObject({ reasons: { spam: 3 }, texts: ["of 4", "of 3"], appeal: null });
  await acts.add([video("10")], made("dismiss"));
  await acts.add([video("10")], made("keep"));
  expect(await waiting()).toEqual(["11"]);
  // What their author can change may be reported by others again; they are believed as before, and the first one less.
  await report(video("10"), "4");
  await report(video("12"), "2");
  expect((await queue()).map((row) => [row.subject_id, Math.round(row.weight * 100)])).toEqual([
    ["11", 300],
    ["10", 100],
    ["12", 67],
  ]);
});

test("pages of the queue neither repeat nor skip, by age and by weight", async () => {
  for (let i = 10; i < 17; i++)
    for (let who = 2; who <= 2 + (i % 3); who++) await report(video(`${i}`), `${who}`);
  for (const byWeight of [false, true]) {
    const seen: string[] = [];
    for (let place: { since: string; weight: number } | undefined; ; ) {
      const rows = await reports.queue({ kind: "video", byWeight }, place, 2);
      seen.push(...rows.map((row) => row.subject_id));
      const last = rows.at(-1);
      if (!last) break;
      place = { since: last.waiting_since!, weight: last.weight };
    }
    expect(seen).toHaveLength(7);
    expect(seen).toEqual((await queue(byWeight)).map((row) => row.subject_id));
  }
});

test("what never changes is judged once; one person keeps moderators busy with so much at once", async () => {
  const comment: Found = { kind: "comment", id: "20", ownerId: "1", videoId: "10" };
  await report(comment, "2");
  await acts.add([comment], made("dismiss"));
  await report(comment, "3");
  expect(await waiting()).toEqual([]);
  for (let i = 0; i < maxWaitingReports; i++) await report(video(String(100 + i)), "5");
  await expect(report(video("999"), "5")).rejects.toThrow(
    expect.objectContaining({ reason: "TOO_MANY_REQUESTS" }),
  );
});

test("a claim lasts for its time, and is for one moderator", async () => {
  await report(video("10"), "2");
  await reports.claim("10", "8", Date.now() + 60_000);
  await reports.claim("10", "8", Date.now() + 60_000);
  const taken = expect.objectContaining({ reason: "CLAIMED_BY_ANOTHER" });
  await expect(reports.claim("10", "9", Date.now() + 60_000)).rejects.toThrow(taken);
  await expect(reports.claim("10", "9", null)).rejects.toThrow(taken);
  await reports.claim("10", "8", null);
  await reports.claim("10", "9", Date.now() - 1);
  await reports.claim("10", "8", Date.now() + 60_000);
  await expect(reports.claim("11", "8", 1)).rejects.toThrow(expect.objectContaining({ reason: "NOT_FOUND" }));
});

test("an appeal brings a thing back, once, until it is answered", async () => {
  const [done] = await acts.add([video("10")], made("take-down"));
  const appeal = () => reports.appeal(video("10"), { id: ids.next(), actId: done!.id, words: "please" });
  await appeal();
  await expect(appeal()).rejects.toThrow(expect.objectContaining({ reason: "APPEALED_ALREADY" }));
  expect(await queue()).toEqual([
    expect.objectContaining({
      subject_id: "10",
      weight: 0,
      appeal: expect.objectContaining({ words: "please" }),
    }),
  ]);
  await acts.add([video("10")], made("dismiss"));
  expect(await waiting()).toEqual([]);
});

test("with a video its comments wait no more, with a person what they reported and what was theirs", async () => {
  await report(video("10"), "2");
  await report({ kind: "comment", id: "20", ownerId: "3", videoId: "10" }, "2");
  await report(video("11", "4"), "2");
  await report(video("12"), "2");
  await report(video("12"), "5");
  await reports.forget(["10"], ["10"]);
  expect(await waiting()).toEqual(["11", "12"]);
  await reports.forgetPerson("4");
  await reports.forgetPerson("2");
  expect((await queue()).map((row) => [row.subject_id, row.weight])).toEqual([["12", 1]]);
  await expect(report(video("13"), "2")).rejects.toThrow(
    expect.objectContaining({ reason: "SESSION_ENDED" }),
  );
});
