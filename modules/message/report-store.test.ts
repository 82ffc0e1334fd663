import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createSnowflake, idAtTime, maxId } from "#platform/ids/snowflake.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { migrations } from "./migrations.ts";
import { messageReportStore } from "./report-store.ts";
import { maxWaitingReports } from "./rules.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "reports", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    `truncate message.conversation, message.message, message.person, message.timeline, message.report,
       message.report_line`,
  );
});

const [ada, ben] = ["1", "2"] as const;
const store = () => messageReportStore(own.db, own.jobs);
async function say(senderId: string, receiverId: string) {
  await sendStore(own.db, ids, own.events, () => {})([
    { senderId, receiverId, content: "hi", key: undefined, friends: true, traceId: "" },
  ]);
}
const lines = () =>
  messageStore(own.db, own.events).messages({ userId: ada, peerId: ben }, { beforeId: String(maxId) }, 6);
async function report() {
  const all = await lines();
  const [others, reported] = [all.slice(0, -1), all.at(-1)!];
  return store().add({
    id: ids.next(),
    reporterId: ada,
    peerId: ben,
    reason: 1,
    text: "why",
    reported,
    others,
  });
}
const kept = async () =>
  (
    await own.database.pool.query(
      "select (select count(*)::int from message.report) as reports, (select count(*)::int from message.report_line) as lines",
    )
  ).rows[0];

test("each waits once, in the order of the reports, until it is judged, and then does not come again", async () => {
  const named: string[] = [];
  for (let i = 0; i < 2; i++) {
    await say(ben, ada);
    for (let j = 0; j < 2; j++) named.push(await report());
  }
  const all = await store().waiting("0", 10);
  expect(named).toEqual(all.flatMap(({ id }) => [id, id]));
  expect(await store().byIds([...named, "7"])).toEqual(all);
  expect(all.map((one) => one.lines.length)).toEqual([1, 2]);
  expect(await store().waiting(all[0]!.id, 10)).toEqual([all[1]]);
  expect(await store().judge(all[1]!.id)).toBe(true);
  await report();
  expect(await store().waiting("0", 10)).toEqual([all[0]]);
  expect(await store().byIds(named)).toEqual([all[0]]);
  expect(await kept()).toEqual({ reports: 2, lines: 1 });
  expect(await store().judge("1")).toBe(false);
});

test("what nobody has judged goes after ninety days, with its copies, and what was judged stays known", async () => {
  const now = Date.now();
  const at = (days: number) => idAtTime(now - days * 24 * 3_600_000).toString();
  await own.database.pool.query(
    `insert into message.report (id, reporter_id, peer_id, message_id, sender_id, in_group, reason, text, judged)
     select id, 1, 2, id, 2, false, 1, '', judged
     from unnest($1::int8[], $2::bool[]) as r(id, judged)`,
    [
      [at(92), at(91), at(89)],
      [true, false, false],
    ],
  );
  await own.database.pool.query(
    `insert into message.report_line (reporter_id, report_id, message_id, sender_id, content, picture)
     select reporter_id, id, id, 2, 'hi', false from message.report where not judged`,
  );
  // The first one was judged by a process of a version that knows no pictures of reports.
  await own.database.pool.query(
    `insert into message.report_picture (reporter_id, report_id, message_id, key, small_key, width, height)
     select reporter_id, id, id, 'large', 'small', 1, 1 from message.report`,
  );
  await store().expire(new AbortController().signal);
  expect((await store().waiting("0", 10)).map(({ id }) => id)).toEqual([at(89)]);
  expect(await kept()).toEqual({ reports: 2, lines: 1 });
  const { rows } = await own.database.pool.query("select report_id as id from message.report_picture");
  expect(rows).toEqual([{ id: at(89) }]);
});

test("a person has so many waiting at most", async () => {
  await own.database.pool.query(
    `insert into message.report (id, reporter_id, peer_id, message_id, sender_id, in_group, reason, text)
     select i, 1, 3, i, 3, false, 1, '' from generate_series(1, $1::int) i`,
    [maxWaitingReports],
  );
  await say(ben, ada);
  await expect(report()).rejects.toMatchObject({ reason: "TOO_MANY_REQUESTS" });
  await store().judge("1");
  await report();
});

test.each([
  ada,
  ben,
])("nothing is kept of %s once they are deleted, also of a report that is under way", async (gone) => {
  await say(ada, ben);
  await say(ben, ada);
  await report();
  await say(ben, ada);
  const erasures = accountErasureStore(own.db, own.jobs);
  // Who deletes holds the row of the person, whom the report asks for.
  const outcome = await heldUp(
    own.database.pool,
    `update message.person set gone = true where user_id = ${gone}`,
    report,
    async () => {},
  );
  expect(outcome).toMatchObject({ reason: "MESSAGE_NOT_FOUND" });
  await erasures.removeTraces(gone);
  expect(await kept()).toEqual({ reports: 0, lines: 0 });
});
