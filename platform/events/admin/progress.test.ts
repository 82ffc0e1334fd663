import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { added, type EventLog, openEventLog, writeEffects } from "#platform/testing/event-log.ts";
import { type ProgressWatch, trackStalls, watchProgress } from "./progress.ts";

let log: EventLog;
let watch: ProgressWatch | undefined;
const watched = (stalledMs: number) => {
  watch = watchProgress(log.database.pool, { log: createLog("silent"), stalledMs });
  return () => watch!.stalled().map(({ group, members }) => `${group} ${members}`);
};
beforeEach(async () => {
  log = await openEventLog();
});
afterEach(async () => {
  await watch?.stop();
  await log.close();
});

it("a group that does not pass an event is stalled until it does; others are not", async () => {
  const stalled = watched(200);
  let letGo: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const consume = (group: string, handle = writeEffects) =>
    log.events.consume({ group, types: [added], handle });
  const [slow, quick] = [
    consume("slow", async (...args) => {
      await held;
      await writeEffects(...args);
    }),
    consume("quick"),
  ];
  await log.emit("a:1");
  await expect.poll(stalled).toEqual(["slow 1"]);
  expect(watch!.stalled()[0]!.seconds).toBeGreaterThan(0.2);
  letGo();
  await Promise.all([slow.settled(), quick.settled()]);
  await expect.poll(stalled).toEqual([]);
});

it("a group far behind that moves is not stalled; once it stops it is", () => {
  const stalledOf = trackStalls(60_000);
  const at = (position: number, partition = 3) => ({
    ...{ group: "test", origin: "here", members: 1, seconds: 7200 },
    partition,
    position: String(position),
  });
  for (let minute = 0; minute < 10; minute++)
    expect(stalledOf([at(minute), at(minute, 4)], minute * 60_000)).toEqual([]);
  // One partition is enough.
  expect(stalledOf([at(9), at(10, 4)], 599_999)).toEqual([]);
  expect(stalledOf([at(9), at(11, 4)], 600_000)).toEqual([{ group: "test", members: 1, seconds: 7200 }]);
  expect(stalledOf([at(10), at(12, 4)], 600_001)).toEqual([]);
  // Nothing waited between two events: it stood still for no reason to worry.
  expect(stalledOf([], 700_000)).toEqual([]);
  expect(stalledOf([at(10)], 800_000)).toEqual([]);
  // Nor is there one as long as what waits is young.
  expect(stalledOf([{ ...at(10), seconds: 59 }], 900_000)).toEqual([]);
});

it("a group without members is stalled as soon as the log is kept for it", async () => {
  const consumer = log.events.consume({ group: "left", types: [added], handle: writeEffects });
  await consumer.settled();
  await consumer.stop();
  await log.database.pool.query(
    `insert into events.log (partition, type, key, payload)
     select 3, 'test.removed.v1', 'k', '' from generate_series(1, 2000)`,
  );
  const stalled = watched(200);
  await expect.poll(stalled).toEqual(["left 0"]);
});
