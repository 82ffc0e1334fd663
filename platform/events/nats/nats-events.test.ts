import { afterEach, beforeEach, expect, it } from "vitest";
import { openEventLog } from "#platform/testing/event-log.ts";
import { type NatsLog, openNatsLog } from "#platform/testing/nats-log.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { withNats } from "#platform/testing/private-nats.ts";
import { readOrigin } from "../log/table-source.ts";
import { namesOf } from "./event-stream.ts";

const nats = withNats();
let log: NatsLog;
beforeEach(async () => {
  log = await openNatsLog(nats().url);
});
afterEach(() => log.close());

const soon = { interval: 20, timeout: patienceMs };

it("the stream of a database that is none of ours is not followed", async () => {
  const stranger = await openEventLog();
  const relaying = log.join(stranger);
  await stranger.emit("s:1");
  const { stream } = namesOf(log.scope, await readOrigin(stranger.database.pool));
  const messages = async () => (await relaying.link.current()?.streams.info(stream))?.state.messages;
  await expect.poll(() => messages().catch(() => 0), soon).toBe(1);
  log.consume();
  await log.emit("k:1");
  await expect.poll(log.effects, soon).toEqual(["k:1"]);
  const { rows } = await log.there.database.pool.query(
    "select distinct origin from events.consumer order by 1",
  );
  const ours = await Promise.all([log.here, log.there].map(({ database }) => readOrigin(database.pool)));
  expect(rows.map(({ origin }) => origin)).toEqual(ours.sort());
  await relaying.stop();
  await stranger.close();
});
