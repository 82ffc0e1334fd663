import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { gradientLimit } from "./gradient-limit.ts";
import { Shedding } from "./shedding.ts";

/** Requests that wait are a few kilobytes each. */
const maxWaiting = 1_000;
/** How long one waits for admission in a line that empties now and then: it is a burst. */
const burstWaitMs = 200;
/**
 * How long in a line that has not been empty for so long: in it, waiting would help nobody (after CoDel). Who is most
 * important is next in any line. A database that stalls for a moment makes no such line.
 */
const standingWaitMs = 20;
const standingMs = 400;
/**
 * Who takes longer waits for somebody else, and gives the place to others: one service that hangs does not hold all
 * places. So many at most may be under way without one.
 */
const placeMs = 500;
/** So late a timer only is when the process stood still. */
const lateMs = 50;
const maxOverdue = 500;
const retryAfterMs = 2_000;
const retrySpreadMs = 3_000;

/** Not all at the same time. */
function comeBackMs(random: () => number): number {
  return retryAfterMs + Math.floor(random() * retrySpreadMs);
}

/** The refusal of what is turned away. */
export function overloaded(random: () => number): DomainError {
  return refusal("OVERLOADED", undefined, comeBackMs(random));
}

/** What a process lets in, so that what it does is done in time however much is asked of it. */
export interface Admission {
  /**
   * Whether a request is turned away before anything is done for it. Asked at most once, as soon as it is known who
   * asks; `enter` asks otherwise.
   */
  judge(request: AdmissionRequest): TurnedAway | undefined;
  /**
   * Calls `done` when the request may go on, at once if there is room, or with a refusal. Error: OVERLOADED.
   */
  enter(request: AdmissionRequest, done: (refused?: DomainError) => void): void;
  /** The request is answered, whether it was let in or not. Only the first time counts. */
  leave(request: AdmissionRequest): void;
  waiting(): number;
  /** What is below it is turned away; see `rankOf` in shedding.ts. */
  line(): number;
  /** Share of what was asked lately that was turned away. */
  shedShare(): number;
}

export interface AdmissionRequest {
  /** 0 sheddable, 1 normal, 2 essential: their index in `priorities`. */
  readonly priority: number;
  /** The person who asks; see `chanceAsker` in platform/rpc/call.ts for who has no name. */
  readonly asker: string;
  /** Set by admission: whether it was let through. */
  judged?: boolean;
  /** Set by admission while it waits, and while it is in. */
  waits?: boolean;
  admittedAtMs?: number | undefined;
}

interface TurnedAway {
  /** When to come back. */
  retryAfterMs: number;
  /** How long to hold the answer, so that clients that ask again at once do not keep the process busy. */
  holdMs: number;
}

interface Waiter {
  request: AdmissionRequest;
  sinceMs: number;
  done: (refused?: DomainError) => void;
}

/**
 * At most so many requests at once (see gradient-limit.ts); more wait, the important ones first. Once waiting takes too
 * long for a while (see shedding.ts), requests are turned away before they wait: the least important ones first, and
 * among those always the same people within an hour, so that the others' pages work.
 */
export function createAdmission(options: {
  /** How late the event loop runs lately, in milliseconds: waiting that no queue of ours sees. */
  loopDelayMs: () => number;
  /** Callers are told the line and turn away by themselves what is below it, so nobody's refusal is held. */
  callersShed?: boolean;
  nowMs?: () => number;
  random?: () => number;
}): Admission {
  const { loopDelayMs, callersShed, nowMs = () => performance.now(), random = Math.random } = options;
  const limit = gradientLimit();
  const shedding = new Shedding(nowMs, loopDelayMs, callersShed);
  /** By priority, the oldest first. */
  const queues: Waiter[][] = [[], [], []];
  /** Who has a place, since longest first. */
  const inside = new Set<AdmissionRequest>();
  let overdue = 0;
  let waiting = 0;
  /** Those who were turned away after they had waited, and have no answer yet. */
  let held = 0;
  /** Since when there is always somebody who waits. */
  let standingSinceMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let dueMs = 0;
  let wasLate = false;

  function admit(request: AdmissionRequest, waitedMs: number, done: (refused?: DomainError) => void): void {
    request.admittedAtMs = nowMs();
    inside.add(request);
    shedding.waited(waitedMs);
    done();
  }

  const refuse = () => overloaded(random);

  /** Whether there is a place. */
  function hasRoom(): boolean {
    if (inside.size < limit.current()) return true;
    for (const longest of inside) {
      if (overdue >= maxOverdue || nowMs() - longest.admittedAtMs! < placeMs) break;
      inside.delete(longest);
      overdue++;
    }
    return inside.size < limit.current();
  }

  function take(queue: Waiter[], at = 0): Waiter {
    const [waiter] = queue.splice(at, 1);
    waiting--;
    waiter!.request.waits = false;
    return waiter!;
  }

  /** Who has gone while it waited: that says nothing of how long anything takes. */
  function drop(request: AdmissionRequest): void {
    const queue = queues[request.priority]!;
    take(
      queue,
      queue.findIndex((waiter) => waiter.request === request),
    );
  }

  function admitWaiting(): void {
    while (waiting > 0 && hasRoom()) {
      const next = take(queues.findLast((queue) => queue.length > 0)!);
      admit(next.request, nowMs() - next.sinceMs, next.done);
    }
  }

  function turnAway(queue: Waiter[]): void {
    shedding.waitedInVain();
    refuseLater(take(queue).done, shedding.hold());
  }

  function refuseLater(done: (refused: DomainError) => void, holdMs: number): void {
    if (holdMs > 0 && !callersShed && held < maxWaiting) {
      held++;
      setTimeout(() => {
        held--;
        done(refuse());
      }, holdMs);
    } else done(refuse());
  }

  /** Turns away who has waited too long. */
  function expire(): void {
    timer = undefined;
    admitWaiting();
    const now = nowMs();
    // Answers that came while the process stood still are given first: they may make room for all who wait.
    wasLate = !wasLate && now - dueMs > lateMs;
    if (!wasLate) turnAwayLate(now);
    watchWaiting();
  }

  function turnAwayLate(now: number): void {
    const standing = now - standingSinceMs > standingMs;
    for (const [priority, queue] of queues.entries()) {
      const waitMs = standing && priority < queues.length - 1 ? standingWaitMs : burstWaitMs;
      while (queue.length > 0 && now - queue[0]!.sinceMs >= waitMs) turnAway(queue);
    }
  }

  function watchWaiting(): void {
    if (timer || waiting === 0) return;
    dueMs = nowMs() + standingWaitMs / 2;
    timer = setTimeout(expire, standingWaitMs / 2);
    timer.unref();
  }

  function judge(request: AdmissionRequest): TurnedAway | undefined {
    request.judged = shedding.admits(request.priority, request.asker);
    return request.judged ? undefined : { retryAfterMs: comeBackMs(random), holdMs: shedding.hold() };
  }

  return {
    judge,
    enter(request, done) {
      const turnedAway = request.judged ? undefined : judge(request);
      if (turnedAway) return refuseLater(done, turnedAway.holdMs);
      if (waiting === 0 && hasRoom()) return admit(request, 0, done);
      if (waiting >= maxWaiting) {
        // Whoever is less important makes room.
        const below = queues.find((queue) => queue.length > 0)!;
        if (queues.indexOf(below) >= request.priority) {
          shedding.waitedInVain();
          return refuseLater(done, shedding.hold());
        }
        turnAway(below);
      }
      if (waiting === 0) standingSinceMs = nowMs();
      waiting++;
      request.waits = true;
      queues[request.priority]!.push({ request, sinceMs: nowMs(), done });
      watchWaiting();
    },
    leave(request) {
      if (request.waits) return drop(request);
      if (request.admittedAtMs === undefined) return;
      // What waited for somebody else says nothing of this process.
      if (inside.has(request)) limit.sample(nowMs() - request.admittedAtMs, inside.size);
      if (!inside.delete(request)) overdue--;
      request.admittedAtMs = undefined;
      shedding.completed();
      admitWaiting();
    },
    waiting: () => waiting,
    line: () => shedding.currentLine(),
    shedShare: () => shedding.share(),
  };
}

/** For DOUYA_LIMITS=off. */
export const openAdmission: Admission = {
  judge: () => undefined,
  enter: (_request, done) => done(),
  leave() {},
  waiting: () => 0,
  line: () => 0,
  shedShare: () => 0,
};
