import { setTimeout as delay } from "node:timers/promises";
import { openDatabase } from "#platform/db/database.ts";
import { createEvents } from "#platform/events/events.ts";
import { createNatsEvents } from "#platform/events/nats/nats-events.ts";
import { linkNats } from "#platform/events/nats/nats-link.ts";
import { natsScope } from "#platform/events/nats/nats-scope.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import { added, type EffectTables, writeEffects } from "./event-log.ts";

/**
 * A separate process for tests: `consume-events <hang> <url>` consumes as the group `test`, in batches of two. At the
 * step `hang` of the batch with the event `k:3` it writes a line with the step's name and stops, so that it can be
 * killed there. At `commit` it continues; a test can delay its commit with the lock 1. `<nats> <secret> <origin>` after
 * that: the events of this origin come from NATS.
 */
const [, , hang, url, nats, secret, origin] = process.argv;
const log = createLog("silent");
const database = openDatabase(url!, { log });
const lease = startLease(database.pool, { log, leaseMs: 600 });
const events = createEvents({
  databases: [{ database, lease }],
  databaseOf: () => database,
  nats: nats
    ? createNatsEvents({ link: linkNats(nats, log), scope: natsScope(secret!), elsewhere: [origin!], log })
    : undefined,
  log,
});

async function reach(step: string): Promise<void> {
  if (step !== hang) return;
  process.stdout.write(`${step}\n`);
  if (step !== "commit") await delay(2 ** 30);
}

events.of<EffectTables>("test").consume({
  group: "test",
  types: [added],
  batch: hang === "never" ? 20 : 2,
  async handle(transaction, handled) {
    const values = handled.map((event) => event.message.value);
    if (values.includes("k:5")) await reach("next");
    if (!values.includes("k:3")) return writeEffects(transaction, handled);
    await reach("begin");
    await writeEffects(transaction, handled.slice(0, 1));
    await reach("middle");
    await writeEffects(transaction, handled.slice(1));
    await reach("end");
    await reach("commit");
  },
});
process.stdout.write("ready\n");
