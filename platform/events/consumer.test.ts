import { afterEach, expect, it } from "vitest";
import { added, type EventLog, openEventLog, removed, writeEffects } from "#platform/testing/event-log.ts";

let log: EventLog;
afterEach(() => log.close());

it("hands over what was committed, of the types asked for, in the order of each key", async () => {
  log = await openEventLog();
  await log.emit("a:1", "b:1");
  const seen: string[] = [];
  const consumer = log.events.consume({
    group: "test",
    db: log.db,
    types: [added],
    async handle(transaction, events) {
      for (const event of events) seen.push(`${event.type} ${event.key}`);
      await writeEffects(transaction, events);
    },
  });
  await log.events.transaction(log.db, async (_, emit) => {
    emit(removed, { value: "a:gone" });
    emit(added, { value: "a:2" });
  });
  await consumer.settled();
  expect((await log.effects()).sort()).toEqual(["a:1", "a:2", "b:1"]);
  expect(seen.every((what) => what.startsWith("test.added.v1 "))).toBe(true);
});
