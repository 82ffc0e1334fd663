import { messageSent, timelinesGrown } from "#contracts/events.ts";
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
import { inTurn } from "./in-turn.ts";

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
  /**
   * What follows the position, without a gap. Returns how many it has taken; where these are not all, it is given nothing
   * until it asks for more.
   */
  take(entries: TimelineEntry[]): number;
  /** The position is of no use: it has been set to the current one. */
  resync(): void;
}

export interface TimelineHub {
  /**
   * Tells whether the position can be gone on from; if not, it has been set to the current one. Then gives the receiver
   * what follows, until it leaves. Error: TOO_MANY_REQUESTS.
   */
  join(receiver: Receiver, call: Call, welcome: (recovered: boolean) => unknown): Promise<void>;
  /** One that did not take all has room again. */
  resume(receiver: Receiver): void;
  leave(receiver: Receiver): void;
  /** How many are given what reaches their people. */
  receivers(): number;
  stop(): void;
}

interface Person {
  userId: string;
  receivers: Set<Receiver>;
  /** Those that did not take all. */
  full: Set<Receiver>;
  /** How many are about to be. */
  joining: number;
  /** How often was told that its timeline has got further. */
  told: number;
  /** How far it has got, as was told since it was last read. */
  wanted: string;
  /** It may have got further than was told. */
  unsure: boolean;
  /** Its timeline is being read. */
  pulling: boolean;
  retry: NodeJS.Timeout | undefined;
}

/** The longest time until it is seen that a word was lost. */
const lookMs = 15_000;
/** How often the log is asked: where processes share no memory, words do not come through at all. */
const followMs = 250;
const readMs = 10_000;
const retryMs = 1_000;
/** Of a person, in this process. */
const maxReceivers = 40;
/**
 * Positions in one question to the service, which answers with 300 entries in all: who joins may have missed many, and
 * news are one entry mostly.
 */
const joinsPerQuestion = 10;
const newsPerQuestion = 100;
/** 2,000 fit into a question. */
const mostIds = 2_000;
/** Positions asked for at a time, and of those that are asked for alone. */
const maxBatch = 500;
const aloneAtOnce = 10;

const isAfter = (seq: string, than: string) => BigInt(seq) > BigInt(than);

/**
 * Gives everybody here what reaches them, in order, without a gap, once. The timeline in the database is all that counts:
 * a word that it has got further only says when to read it.
 */
export function createTimelineHub(
  message: Pick<GatewayClients["message"], "readTimelines">,
  signals: Signals,
  events: Pick<EventBroadcast, "changesSince">,
  log: Logger,
): TimelineHub {
  const people = new Map<string, Person>();
  let cursor = "";
  let following: NodeJS.Timeout | undefined;
  const nextPerson = inTurn(people);
  let stopped = false;

  const reader = (perQuestion: number, atOnce = maxBatch) =>
    coalesce(
      async (after: (Position & { userId: string })[], call): Promise<Timeline[]> =>
        (await message.readTimelines({ after }, call)).timelines,
      { idsIn: () => Math.ceil(mostIds / perQuestion), maxBatch: atOnce },
    );
  /** Nobody who comes, and no news, waits behind looks at everybody. */
  const readForJoin = reader(joinsPerQuestion);
  const [readNews, readForLook] = [reader(newsPerQuestion), reader(newsPerQuestion)];
  /** Whoever makes a question fail does so to nobody else again. */
  const readAlone = reader(1, aloneAtOnce);
  const ownCall = (): Call => ({ traceId: newTraceId(), deadlineMs: Date.now() + readMs });

  /** Gives all receivers of a person what is new, until there is nothing. */
  async function pull(person: Person, read = readNews): Promise<void> {
    if (person.pulling || person.retry) return;
    person.pulling = true;
    const { userId } = person;
    const mayLack = (receiver: Receiver) => person.unsure || isAfter(person.wanted, receiver.position.seq);
    try {
      for (let first = nextOf(person); first && mayLack(first); first = nextOf(person)) {
        person.unsure = false;
        person.wanted = "0";
        const from = first.position;
        give(person, from, await read({ userId, ...from }, ownCall()));
      }
    } catch (error) {
      person.unsure = true;
      log.debug({ err: error }, "could not read a timeline; it is tried again");
      if (!stopped)
        person.retry = setTimeout(() => {
          person.retry = undefined;
          void pull(person, readAlone);
        }, retryMs).unref();
    } finally {
      person.pulling = false;
    }
  }

  /** The receiver that is furthest behind. */
  function nextOf({ receivers, full }: Person): Receiver | undefined {
    let next: Receiver | undefined;
    for (const receiver of receivers)
      if (!full.has(receiver) && (!next || isAfter(next.position.seq, receiver.position.seq)))
        next = receiver;
    return next;
  }

  /** What was read from a position. Whoever has joined since may be at another one, and behind it. */
  function give(person: Person, from: Position, { epoch, seq, recovered, entries }: Timeline): void {
    for (const receiver of person.receivers) {
      const { position } = receiver;
      if (person.full.has(receiver)) continue;
      const isWhereItWasRead = position.epoch === from.epoch && position.seq === from.seq;
      const isUseless = position.epoch !== epoch || (!recovered && isWhereItWasRead);
      if (isUseless) {
        receiver.position = { epoch, seq };
        receiver.resync();
      } else if (recovered && !isAfter(from.seq, position.seq)) hand(person, receiver, entries);
      if (isAfter(seq, person.wanted) && isAfter(seq, receiver.position.seq) && !person.full.has(receiver))
        person.wanted = seq;
    }
  }

  /** Gives one receiver what it has not been given. */
  function hand({ full }: Person, receiver: Receiver, entries: TimelineEntry[]): void {
    const { epoch, seq } = receiver.position;
    const fresh = entries.filter((entry) => isAfter(entry.seq, seq));
    if (fresh.length === 0) return;
    const taken = receiver.take(fresh);
    if (taken > 0) receiver.position = { epoch, seq: fresh[taken - 1]!.seq };
    if (taken < fresh.length) full.add(receiver);
  }

  signals.listen(timelineSignal, (text) => {
    for (const { userId, seq } of readHeads(text)) tellOf(userId, seq);
  });
  /** A timeline has got further: up to `seq`, if that is known. */
  function tellOf(userId: string, seq?: string): void {
    const person = people.get(userId);
    if (!person) return;
    person.told++;
    if (seq === undefined) person.unsure = true;
    else if (isAfter(seq, person.wanted)) person.wanted = seq;
    void pull(person);
  }

  /** Looks at some of all people, so that everybody has been looked at after a while. */
  function lookAtSome(count: number): void {
    for (let i = 0; i < count; i++) {
      const person = nextPerson();
      if (!person) return;
      person.unsure = true;
      void pull(person, readForLook);
    }
  }

  /** Hears from the log what other processes have written. */
  async function follow(): Promise<void> {
    let share = followMs / lookMs;
    try {
      const found = await events.changesSince([messageSent, timelinesGrown], cursor);
      // Too much was written to be told of: everybody is looked at sooner, unless signals have told of it.
      if (!found.events && !signals.isShared()) share *= 8;
      if (cursor !== "")
        for (const { message: said } of found.events ?? []) {
          // Older events have no numbers.
          if ("userIds" in said) said.userIds.forEach((userId, i) => void tellOf(userId, said.seqs[i]));
          else {
            tellOf(said.receiverId, said.receiverSeq || undefined);
            tellOf(said.senderId, said.senderSeq || undefined);
          }
        }
      cursor = found.cursor;
    } catch (error) {
      log.debug({ err: error }, "could not follow the log for timelines");
    }
    lookAtSome(Math.ceil(people.size * share));
    following = undefined;
    if (people.size > 0) keepFollowing();
    // Nobody is here who could miss anything.
    else cursor = "";
  }
  function keepFollowing(): void {
    if (!stopped) following ??= setTimeout(() => void follow(), followMs).unref();
  }

  function forgetIfAlone({ userId, receivers, joining, retry }: Person): void {
    if (receivers.size > 0 || joining > 0) return;
    clearTimeout(retry);
    people.delete(userId);
  }

  return {
    async join(receiver, call, welcome) {
      const { userId, position } = receiver;
      const person: Person = people.get(userId) ?? {
        ...{ userId, receivers: new Set(), full: new Set(), joining: 0, told: 0 },
        ...{ wanted: "0", unsure: false, pulling: false, retry: undefined },
      };
      if (person.receivers.size + person.joining >= maxReceivers)
        throw refusal("TOO_MANY_REQUESTS", "You are connected too often at once. Close some.");
      // Who joins is told of what comes from before it is asked what there is.
      people.set(userId, person);
      person.joining++;
      const { told } = person;
      try {
        const { epoch, seq, recovered, entries } = await readForJoin({ userId, ...position }, call);
        if (!recovered) receiver.position = { epoch, seq };
        welcome(recovered);
        person.receivers.add(receiver);
        hand(person, receiver, entries);
        if (person.told !== told || isAfter(seq, receiver.position.seq)) person.unsure = true;
        void pull(person);
        keepFollowing();
      } finally {
        person.joining--;
        forgetIfAlone(person);
      }
    },
    resume(receiver) {
      const person = people.get(receiver.userId);
      if (!person?.full.delete(receiver)) return;
      person.unsure = true;
      void pull(person);
    },
    leave(receiver) {
      const person = people.get(receiver.userId);
      if (!person) return;
      person.receivers.delete(receiver);
      person.full.delete(receiver);
      forgetIfAlone(person);
    },
    receivers: () => [...people.values()].reduce((sum, { receivers }) => sum + receivers.size, 0),
    stop() {
      stopped = true;
      clearTimeout(following);
      for (const { retry } of people.values()) clearTimeout(retry);
    },
  };
}
