import { messageSent } from "#contracts/events.ts";
import type { Timeline, TimelineEntry } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { readHeads, timelineSignal } from "#contracts/timelines.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import type { Logger } from "#platform/observe/log.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Signals } from "#platform/signals/signals.ts";
import type { GatewayClients } from "../gateway-calls.ts";

/** Of a timeline: what comes next has the number after `seq`. */
export interface Position {
  /** Empty: none is known. */
  epoch: string;
  seq: string;
}

/** Whoever is given what reaches a person: a connection, or a request that waits. */
export interface Receiver {
  readonly userId: string;
  /** Up to where it has been given everything. */
  position: Position;
  /** What follows the position, without a gap; the position is moved on before. */
  take(entries: TimelineEntry[]): void;
  /** The position is of no use: it has been set to the current one. */
  resync(): void;
}

export interface TimelineHub {
  /**
   * Tells whether the position can be gone on from; if not, it has been set to the current one. Then gives the receiver
   * what follows, until it leaves. Error: TOO_MANY_REQUESTS.
   */
  join(receiver: Receiver, call: Call, welcome: (recovered: boolean) => unknown): Promise<void>;
  leave(receiver: Receiver): void;
  /** How many are given what reaches their people. */
  receivers(): number;
  stop(): void;
}

interface Person {
  receivers: Set<Receiver>;
  /** How many are about to be. */
  joining: number;
  /** Its timeline is being read. */
  pulling: boolean;
  /** It has got further since the last reading began. */
  stale: boolean;
}

/** The longest time until it is seen that a word was lost. */
const lookMs = 15_000;
/** How often the log is asked: where processes share no memory, words do not come through at all. */
const followMs = 250;
const readMs = 10_000;
const retryMs = 1_000;
/** Of a person, in this process. */
const maxReceivers = 40;
/** Positions in one question to the service, which answers up to 100. */
const perQuestion = 32;

const isAfter = (seq: string, than: string) => BigInt(seq) > BigInt(than);

/**
 * Gives everybody here what reaches them, in order, without a gap, once. The timeline in the database is all that counts:
 * a word that it has got further only says when to read it.
 */
export function createTimelineHub(
  message: Pick<GatewayClients["message"], "readTimelines">,
  signals: Signals,
  events: EventBroadcast,
  log: Logger,
): TimelineHub {
  const people = new Map<string, Person>();
  let cursor = "";
  let following: NodeJS.Timeout | undefined;
  let lookedAtMs = performance.now();
  let stopped = false;

  const readTimeline = coalesce(
    async (after: (Position & { userId: string })[], call): Promise<Timeline[]> =>
      (await message.readTimelines({ after }, call)).timelines,
    // 2,000 fit into a question.
    () => Math.ceil(2_000 / perQuestion),
  );
  const ownCall = (): Call => ({ traceId: newTraceId(), deadlineMs: Date.now() + readMs });

  /** Gives all receivers of a person what is new, until there is nothing. */
  async function pull(userId: string, person: Person): Promise<void> {
    person.stale = true;
    if (person.pulling) return;
    person.pulling = true;
    try {
      let more = true;
      while (more && person.receivers.size > 0) {
        person.stale = false;
        const [first] = [...person.receivers].sort((one, other) =>
          isAfter(one.position.seq, other.position.seq) ? 1 : -1,
        );
        const { epoch, seq } = first!.position;
        const timeline = await readTimeline({ userId, epoch, seq }, ownCall());
        give(person, first!, timeline);
        const last = timeline.entries.at(-1)?.seq ?? seq;
        more = person.stale || !timeline.recovered || isAfter(timeline.seq, last);
      }
    } catch (error) {
      log.debug({ err: error }, "could not read a timeline; it is tried again");
      if (!stopped) setTimeout(() => void pull(userId, person), retryMs).unref();
    } finally {
      person.pulling = false;
    }
  }

  /** What was read from the position of `first`, which is behind all others of its epoch. */
  function give(person: Person, first: Receiver, timeline: Timeline): void {
    if (!timeline.recovered) {
      if (!person.receivers.has(first)) return;
      first.position = { epoch: timeline.epoch, seq: timeline.seq };
      first.resync();
      return;
    }
    for (const receiver of person.receivers) {
      const { epoch, seq } = receiver.position;
      if (epoch !== timeline.epoch) continue;
      const entries = timeline.entries.filter((entry) => isAfter(entry.seq, seq));
      if (entries.length === 0) continue;
      receiver.position = { epoch, seq: entries.at(-1)!.seq };
      receiver.take(entries);
    }
  }

  signals.listen(timelineSignal, (text) => {
    for (const { userId, seq } of readHeads(text)) {
      const person = people.get(userId);
      if (!person) continue;
      person.stale = true;
      const isBehind = [...person.receivers].some(({ position }) => isAfter(seq, position.seq));
      if (isBehind) void pull(userId, person);
    }
  });

  /** Hears from the log of messages of other processes, and looks at all timelines now and then. */
  async function follow(): Promise<void> {
    try {
      const found = await events.changesSince([messageSent], cursor);
      const heard = cursor === "" ? undefined : found.events;
      cursor = found.cursor;
      for (const { message: sent } of heard ?? [])
        for (const userId of [sent.receiverId, sent.senderId]) {
          const person = people.get(userId);
          if (person) void pull(userId, person);
        }
      if (!heard || performance.now() - lookedAtMs > lookMs) {
        lookedAtMs = performance.now();
        for (const [userId, person] of people) void pull(userId, person);
      }
    } catch (error) {
      log.debug({ err: error }, "could not follow the log for timelines");
    }
    following = undefined;
    if (people.size > 0) keepFollowing();
    // Nobody is here who could miss anything.
    else cursor = "";
  }
  function keepFollowing(): void {
    if (!stopped) following ??= setTimeout(() => void follow(), followMs).unref();
  }

  function forgetIfAlone(userId: string, { receivers, joining }: Person): void {
    if (receivers.size === 0 && joining === 0) people.delete(userId);
  }

  return {
    async join(receiver, call, welcome) {
      const { userId, position } = receiver;
      // Who joins is told of what comes from before it is asked what there is.
      const person = people.get(userId) ?? { receivers: new Set(), joining: 0, pulling: false, stale: false };
      if (person.receivers.size + person.joining >= maxReceivers)
        throw refusal("TOO_MANY_REQUESTS", "You are connected too often at once. Close some.");
      people.set(userId, person);
      person.joining++;
      try {
        const timeline = await readTimeline({ userId, ...position }, call);
        const { epoch, seq, recovered, entries } = timeline;
        if (!recovered) receiver.position = { epoch, seq };
        welcome(recovered);
        person.receivers.add(receiver);
        const last = entries.at(-1)?.seq;
        if (last !== undefined) receiver.position = { epoch, seq: last };
        if (last !== undefined) receiver.take(entries);
        if (person.stale || isAfter(seq, receiver.position.seq)) void pull(userId, person);
        keepFollowing();
      } finally {
        person.joining--;
        forgetIfAlone(userId, person);
      }
    },
    leave(receiver) {
      const person = people.get(receiver.userId);
      if (!person) return;
      person.receivers.delete(receiver);
      forgetIfAlone(receiver.userId, person);
    },
    receivers: () => [...people.values()].reduce((sum, { receivers }) => sum + receivers.size, 0),
    stop() {
      stopped = true;
      clearTimeout(following);
    },
  };
}
