import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Pool, PoolClient } from "pg";
import type { Logger } from "../../observe/log.ts";
import { readOrigin } from "../log/table-source.ts";
import { createWakeSignal } from "../wake-signal.ts";
import { ensureStream, lastSequence, namesOf, readEnd, type StreamEnd } from "./event-stream.ts";
import type { Nats, NatsLink } from "./nats-link.ts";
import type { NatsScope } from "./nats-scope.ts";
import { orderedPublisher, Repeated } from "./ordered-publisher.ts";
import { openOutbox } from "./outbox.ts";
import { intoMessages } from "./packed-rows.ts";
import { watchRefills } from "./refill.ts";

/** Copies the events of one database to its stream, in one of the processes that have the database. */
export interface Relay {
  stop(): Promise<void>;
}

/** How often a process that does not lead asks whether it can. */
const candidateMs = 1_000;
const troubleMs = 500;
const busyMs = 5;
const fewRows = 200;
const paceMs = 5;
const idleMs = 100;
const refusedMs = 200;
/** How often the stream is asked what it has, while there is nothing to copy or always. */
const checkMs = 2_000;
/** How often a stream is looked at that may have fewer copies than there are servers for. */
const defaultEnsureMs = 60_000;
/** In `pg_advisory_lock`: "relay". */
export const leaderLock = "hashtextextended('events.relay', 0)";

export function startRelay(options: {
  pool: Pool;
  link: NatsLink;
  scope: NatsScope;
  ensureMs?: number;
  log: Logger;
}): Relay {
  const { pool, link, scope, ensureMs = defaultEnsureMs, log } = options;
  const wakeSignal = createWakeSignal();
  let stopping = false;
  let trouble: string | undefined;

  async function run(): Promise<void> {
    link.onConnect(wakeSignal.wake);
    while (!stopping) {
      const nats = link.current();
      const led = nats && (await tryToLead(nats));
      if (!stopping) await wakeSignal.wait(led ? troubleMs : candidateMs);
    }
  }

  /** Leads until something fails; returns whether it did. */
  async function tryToLead(nats: Nats): Promise<boolean> {
    let client: PoolClient | undefined;
    let failure: Error | undefined;
    let led = false;
    try {
      client = await pool.connect();
      // It is the session's, so it ends with the connection over which everything is read.
      const { rows } = await client.query<{ leads: boolean }>(
        `select pg_try_advisory_lock(${leaderLock}) as leads`,
      );
      led = rows[0]!.leads;
      if (led) await lead(nats, client, await readOrigin(pool));
    } catch (error) {
      failure = error as Error;
      // Once for each trouble, and not with every attempt.
      if (!stopping && failure.message !== trouble) log.warn({ err: error }, "could not copy events to NATS");
      trouble = failure.message;
    }
    // A connection that is closed gives the lock back.
    client?.release(failure ?? led);
    return led;
  }

  async function lead(nats: Nats, client: PoolClient, origin: string): Promise<void> {
    const names = namesOf(scope, origin);
    const outbox = openOutbox(client);
    const publisher = orderedPublisher(nats, names, origin);
    const refills = watchRefills(nats, names, { wake: wakeSignal.wake, log });
    /** What this relay knows that the stream has. */
    let known: StreamEnd | undefined;
    let again = "";
    let ensuredAtMs = 0;
    const woken = nats.connection.subscribe(names.wake, { callback: () => wakeSignal.wake() });
    try {
      while (!stopping && !nats.connection.isClosed()) {
        trouble = undefined;
        await ensureStream(nats, names);
        ensuredAtMs = performance.now();
        const end = notBefore(known, await readEnd(nats, names));
        refills.at(end);
        if (end.position !== undefined && (await outbox.pass(end.position)))
          log.warn(
            { origin },
            "the stream has events that the database has not: was it restored from a backup?",
          );
        await copy(end);
      }
    } finally {
      publisher.close();
      refills.end();
      woken.unsubscribe();
    }

    /** Copies what follows the end of the stream, until the stream turns out to have another one. */
    async function copy(end: StreamEnd): Promise<void> {
      const { created } = end;
      let { sequence, position = 0 } = end;
      let readUpTo = position;
      let checkedAtMs = performance.now();
      let sending: Promise<void> = Promise.resolve();
      let failure: unknown;
      while (!stopping) {
        if (performance.now() - ensuredAtMs > ensureMs) {
          await ensureStream(nats, names);
          ensuredAtMs = performance.now();
        }
        const from = refills.take({ position, sequence });
        if (from !== undefined) {
          await sending;
          log.info(
            { origin, from, to: position },
            "copies events to NATS again, because they are missing there",
          );
          again = newSuffix();
          position = from;
          readUpTo = from;
        }
        const readAtMs = performance.now();
        const { rows, upTo, undecided } = await outbox.after(readUpTo);
        await sending;
        if (failure) break;
        readUpTo = upTo;
        if (rows.length > 0) {
          const messages = intoMessages(rows, nats.connection.info?.max_payload);
          const copy = { again, partitioning: outbox.partitioning() };
          const sent = publisher.publish(messages, { sequence, position }, copy);
          sequence += messages.length;
          position = Number(rows.at(-1)!.position);
          const reached = { created, sequence, position };
          sending = sent.then(
            () => {
              known = reached;
              refills.at(reached);
            },
            (error) => {
              failure = error;
            },
          );
          // A few at a time would cost the database more than it gains.
          if (rows.length < fewRows) await delay(paceMs);
          continue;
        }
        if (performance.now() - checkedAtMs > checkMs) {
          if ((await lastSequence(nats, names)) !== sequence) return;
          checkedAtMs = performance.now();
        }
        await wakeSignal.wait(undecided ? busyMs : idleMs);
        // Whoever can write to NATS can wake it without a pause.
        const soonMs = readAtMs + paceMs - performance.now();
        if (soonMs > 0) await delay(soonMs);
      }
      // JetStream remembers ids for a while, even those of messages that it has lost.
      if (failure instanceof Repeated) again = newSuffix();
      else if (failure && !stopping) {
        log.info(
          { origin, reason: (failure as Error).message },
          "looks what the stream has, and goes on from there",
        );
        // A stream that takes nothing, because its disk is full, would be asked without a pause.
        await delay(refusedMs);
      }
    }
  }

  const running = run();
  return {
    async stop() {
      stopping = true;
      wakeSignal.wake();
      await running;
    },
  };
}

/**
 * The end of the stream; the one that this relay knows of, where others have written after it: a message that is repeated
 * would else have everything copied again that came after it at first.
 */
function notBefore(known: StreamEnd | undefined, end: StreamEnd): StreamEnd {
  const isOurs = known && known.created === end.created && known.sequence <= end.sequence && !end.isEmpty;
  return isOurs ? { ...end, position: Math.max(known.position ?? 0, end.position ?? 0) } : end;
}

function newSuffix(): string {
  return `.${randomUUID().slice(0, 8)}`;
}
