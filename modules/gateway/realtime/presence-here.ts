import type { PresenceMemory } from "#platform/presence/presence-memory.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { portions } from "./batches.ts";

/**
 * Of whom nothing is heard for `aliveMs` is not here any more: a gateway that was killed tells nobody. So it is said
 * again every `beatMs`.
 */
const beatMs = 15_000;
export const aliveMs = 40_000;
/** A page that is loaded again, or a line that changes its network, is back by then. */
const graceMs = 5_000;
export const perQuestion = 2_000;

interface Person {
  connections: number;
  /** Undefined until it is known; until then nobody is told that they are here. */
  hidden: boolean | undefined;
  nextBeatMs: number;
}

/** Who is connected to this gateway, as it tells the shared memory. */
export interface Here {
  /** One more connection of a person; the answer ends it. */
  arrive(userId: string): () => void;
  /** Whether they hide may be another now. */
  doubt(userId: string): void;
  hide(userId: string): void;
  /** Another gateway has said something of them: that they left, perhaps. */
  heard(userId: string): void;
  /** Asks who hides: nobody who does is told to be here, so it is known before. */
  ask(call: () => Call): Promise<void>;
  /** Tells the memory what has changed. */
  tell(nowMs: number): Promise<void>;
  /** Whether there is anything to tell. */
  isBusy(): boolean;
}

/** `tellOthers`: the presence of these people may be another. */
export function createHere(
  memory: PresenceMemory,
  message: Pick<GatewayClients["message"], "findHidden">,
  tellOthers: (ids: readonly string[]) => void,
  nowMs: () => number,
): Here {
  const people = new Map<string, Person>();
  /** Of whom it is to be asked whether they hide. */
  const unasked = new Set<string>();
  /** Who has left, and when. */
  const leaving = new Map<string, number>();
  const hiding = new Set<string>();

  function settle(id: string, hidden: boolean): void {
    const person = people.get(id);
    if (person) person.hidden = hidden;
    if (!hidden) return;
    leaving.delete(id);
    hiding.add(id);
  }

  return {
    arrive(userId) {
      const person = people.get(userId) ?? { connections: 0, hidden: undefined, nextBeatMs: 0 };
      person.connections++;
      people.set(userId, person);
      if (person.hidden === undefined) unasked.add(userId);
      leaving.delete(userId);
      let here = true;
      return () => {
        if (!here) return;
        here = false;
        person.connections--;
        if (person.connections > 0) return;
        people.delete(userId);
        if (!person.hidden) leaving.set(userId, nowMs());
      };
    },
    doubt(userId) {
      const person = people.get(userId);
      if (person) Object.assign(person, { hidden: undefined, nextBeatMs: 0 });
      unasked.add(userId);
    },
    hide(userId) {
      unasked.delete(userId);
      settle(userId, true);
    },
    heard(userId) {
      const person = people.get(userId);
      if (person?.hidden === false) person.nextBeatMs = 0;
    },
    async ask(call) {
      // Who has left hears of no change here any more.
      for (const [id, atMs] of leaving) if (nowMs() - atMs >= graceMs) unasked.add(id);
      for (const userIds of portions([...unasked], perQuestion)) {
        for (const id of userIds) unasked.delete(id);
        try {
          const hidden = new Set((await message.findHidden({ userIds }, call())).userIds);
          // Of whom there is a doubt since, it is asked again.
          for (const id of userIds) if (!unasked.has(id)) settle(id, hidden.has(id));
        } catch (error) {
          for (const id of userIds) unasked.add(id);
          throw error;
        }
      }
    },
    async tell(now) {
      const due: string[] = [];
      for (const [id, person] of people) {
        if (person.hidden !== false || person.nextBeatMs > now) continue;
        person.nextBeatMs = now + beatMs;
        due.push(id);
      }
      const gone = [...leaving].flatMap(([id, atMs]) =>
        now - atMs < graceMs || unasked.has(id) ? [] : [id],
      );
      for (const id of gone) leaving.delete(id);
      const hidden = [...hiding];
      hiding.clear();
      if (due.length > 0) tellOthers(await memory.here(due, aliveMs));
      if (gone.length > 0) await memory.left(gone, graceMs);
      if (hidden.length > 0) await memory.forget(hidden);
      tellOthers([...gone, ...hidden]);
    },
    isBusy: () => people.size + leaving.size + hiding.size + unasked.size > 0,
  };
}
