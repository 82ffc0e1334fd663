import type { Source } from "../api/types.ts";
import { type Entry, Showing, type Shown } from "./showing.ts";
import { createTokenStock } from "./token-stock.ts";

interface Answer {
  accepted: number;
  refused: readonly { index: number; reason: string }[];
  reportEveryMs: number;
}

interface Options {
  /** Sessions for these videos, 30 at most; those that one may not watch are left out. */
  begin(videoIds: string[]): Promise<readonly { videoId: string; token: string }[]>;
  tell(report: { entries: Entry[]; today?: string }): Promise<Answer>;
  /** While the page goes away; whether the browser took it. */
  tellLast(report: { entries: Entry[] }): boolean;
  /** When to try again after so many failures; undefined: this one would fail for ever. */
  againMs(error: unknown, failures: number): number | undefined;
  /** The day of the viewer, unless it was told; undefined for guests. */
  today(): string | undefined;
  /** It was told. */
  saidToday(day: string): void;
  now?: () => number;
  clockMs?: () => number;
}

/** A video that may be watched. Each time that it comes into view is a showing of its own. */
export interface Watching {
  /** It is seen from now on, or not: paused, waiting for its film, hidden. A showing begins when it is first seen. */
  run(running: boolean): void;
  /** Where the film is, in seconds, and how many times as fast as it was filmed it plays. */
  at(seconds: number, speed: number): void;
  showsPicture(number: number, isLast: boolean): void;
  /** It has left the screen. */
  end(): void;
}

/** Tells the server what is watched, without ever being in the way of that. */
export interface Reporter {
  /** These may be watched soon, in this order. */
  comeNear(videoIds: readonly string[]): void;
  watch(video: Shown, from: Source): Watching;
  /** Where this video was left during this visit; null: at its end. */
  leftAt(videoId: string): ReturnType<Showing["leftAt"]> | undefined;
  /** The page goes away, or may. */
  leave(): void;
  /** The network is back. */
  hurry(): void;
  /** Somebody else watches from now on, or otherwise than before: what they watch is kept or not. */
  forget(): void;
}

const MAX_ASKED = 30;
const MAX_TOLD = 100;
const MAX_PLACES = 200;
/** Of what comes next so many have their token before more are asked for. */
const LEAST_AHEAD = 3;
/** What begins together is asked for together. */
const ASK_MS = 20;
const USUAL_MS = 10_000;
/** What leaves the screen shortly after each other is told together. */
const GATHER_MS = 1_000;
const MAX_REFUSALS = 2;
/** Its session is over, or belongs to somebody who was here before: the video is watched on in another. */
const NEEDS_ANOTHER = new Set(["PLAY_TOKEN_EXPIRED", "PLAY_TOKEN_FOREIGN", "PLAY_TOKEN_INVALID"]);
/** Timers may be early. */
const TIMER_MS = 10;

export function createReporter(options: Options): Reporter {
  const { begin, tell, tellLast, againMs, today, saidToday } = options;
  const { now = () => performance.now(), clockMs = Date.now } = options;
  const stock = createTokenStock(now, clockMs);
  /** In the order in which they began. */
  const showings = new Set<Showing>();
  const places = new Map<string, ReturnType<Showing["leftAt"]>>();
  let near: readonly string[] = [];

  let asking = false;
  let askTimer: ReturnType<typeof setTimeout> | undefined;
  let askFailures = 0;
  /** Tokens that come now are for somebody who is here no more. */
  let generation = 0;

  /** Of the report that has no answer yet. */
  let underWay: readonly Showing[] = [];
  let tellTimer: ReturnType<typeof setTimeout> | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  let everyMs = USUAL_MS;
  let tellFailures = 0;

  const waiting = () => [...showings].filter(({ token }) => token === undefined);

  function askSoon(ms: number) {
    if (askTimer === undefined) askTimer = setTimeout(() => void ask(), ms);
  }
  async function ask() {
    clearTimeout(askTimer);
    askTimer = undefined;
    if (asking) return;
    const missing = near.filter((id) => !stock.has(id));
    const ids = [...new Set([...waiting().map(({ id }) => id), ...missing])].slice(0, MAX_ASKED);
    if (ids.length === 0) return;
    asking = true;
    const asked = generation;
    let again: number | undefined = ASK_MS;
    try {
      const sessions = await begin(ids);
      askFailures = 0;
      if (asked === generation) {
        const given = new Map(sessions.map(({ videoId, token }) => [videoId, token]));
        near = near.filter((id) => !ids.includes(id));
        for (const id of ids) stock.add(id, given.get(id) ?? null);
        for (const showing of waiting()) supply(showing);
        plan();
      }
    } catch (error) {
      again = againMs(error, ++askFailures);
      near = [];
      if (again === undefined)
        for (const showing of waiting()) if (ids.includes(showing.id)) showings.delete(showing);
    }
    asking = false;
    if (waiting().length > 0 || near.length > 0) askSoon(again ?? ASK_MS);
  }
  function supply(showing: Showing) {
    showing.token = stock.take(showing.id);
    if (showing.token === null) showings.delete(showing);
  }

  function tellIn(ms: number) {
    const atMs = Math.max(now() + ms, notBeforeMs);
    if (underWay.length > 0 || atMs >= dueMs) return;
    clearTimeout(tellTimer);
    dueMs = atMs;
    tellTimer = setTimeout(() => void report(), atMs - now());
  }
  /** When to tell next: at once when something becomes a view, else when there is some news together. */
  function plan() {
    for (const showing of showings) {
      if (!showing.token || !showing.isNews) continue;
      if (showing.isOver) tellIn(Math.max(GATHER_MS, showing.tooEarlyMs() + TIMER_MS));
      else if (showing.isRunning() && !showing.toldEnough)
        tellIn(Math.max(0, showing.missingMs()) + TIMER_MS);
      else tellIn(everyMs);
    }
  }
  function collect(all: readonly Showing[]) {
    const told = all.filter(({ token }) => token).slice(0, MAX_TOLD);
    return { told, entries: told.map((showing) => showing.entry(showing.token!.token)) };
  }
  function settle(told: readonly Showing[]) {
    for (const showing of told) {
      // What is seen goes on.
      showing.isNews = showing.isRunning();
      if (showing.isOver) showings.delete(showing);
    }
  }
  async function report() {
    dueMs = Number.POSITIVE_INFINITY;
    if (underWay.length > 0) return;
    const ready = [...showings].filter((one) => one.isNews && !(one.isOver && one.tooEarlyMs() > 0));
    const { told, entries } = collect(ready);
    // It may only be too early.
    if (entries.length === 0) return plan();
    underWay = told;
    for (const showing of told) {
      showing.isNews = false;
      showing.toldEnough ||= showing.missingMs() <= 0;
    }
    const day = today();
    try {
      const answer = await tell({ entries, ...(day !== undefined && { today: day }) });
      tellFailures = 0;
      everyMs = answer.reportEveryMs;
      // A server that has much to do is told less often, also of what would be told at once.
      notBeforeMs = now() + (everyMs > USUAL_MS ? everyMs : GATHER_MS);
      if (day !== undefined && answer.accepted > 0) saidToday(day);
      for (const { index, reason } of answer.refused) {
        const showing = told[index];
        if (!showing) continue;
        if (NEEDS_ANOTHER.has(reason)) {
          stock.clear();
          if (!showing.isOver) showing.beginAnew();
        }
        // The answer with its token took long: what is too much now is not a moment later.
        if (reason !== "PLAY_TOO_LONG" || ++showing.refusals > MAX_REFUSALS) continue;
        showing.isNews = true;
        showings.add(showing);
      }
      if (waiting().length > 0) askSoon(ASK_MS);
      for (const showing of told) {
        showing.isNews ||= showing.isRunning();
        if (showing.isOver && !showing.isNews) showings.delete(showing);
      }
    } catch (error) {
      const ms = againMs(error, ++tellFailures);
      if (ms === undefined) settle(told);
      else
        for (const showing of told) {
          showing.isNews = true;
          showings.add(showing);
        }
      notBeforeMs = now() + (ms ?? everyMs);
    }
    underWay = [];
    plan();
  }

  return {
    comeNear(videoIds) {
      const ahead = videoIds.slice(0, LEAST_AHEAD);
      if (ahead.every((id) => stock.has(id) || near.includes(id))) return;
      near = videoIds.slice(0, MAX_ASKED);
      askSoon(ASK_MS);
    },
    watch(video, from) {
      let showing: Showing | undefined;
      function start(): Showing {
        const started = new Showing(video, from, now, clockMs);
        showings.add(started);
        // Without a network they are many: the earliest are the least.
        for (const oldest of showings) {
          if (showings.size <= MAX_TOLD) break;
          showings.delete(oldest);
        }
        supply(started);
        if (started.token === undefined) askSoon(ASK_MS);
        return started;
      }
      return {
        run(running) {
          if (!running && !showing) return;
          showing ??= start();
          const changes = running !== showing.isRunning();
          showing.run(running);
          if (changes) plan();
        },
        at(seconds, speed) {
          if (!showing) return;
          const { isNews } = showing;
          showing.at(seconds, speed);
          if (showing.isNews !== isNews) plan();
        },
        showsPicture: (number, isLast) => showing?.showsPicture(number, isLast),
        end() {
          if (!showing) return;
          showing.run(false);
          showing.isOver = true;
          places.delete(showing.id);
          places.set(showing.id, showing.leftAt());
          const [oldest] = places.keys();
          if (places.size > MAX_PLACES) places.delete(oldest!);
          if (showing.token && !showing.isNews) showings.delete(showing);
          showing = undefined;
          plan();
        },
      };
    },
    leftAt: (videoId) => places.get(videoId),
    leave() {
      // Also what is on its way, which may not arrive: to tell it twice changes nothing.
      const { told, entries } = collect([...showings].filter((one) => one.isNews || underWay.includes(one)));
      if (entries.length > 0 && tellLast({ entries })) settle(told);
    },
    hurry() {
      notBeforeMs = Number.NEGATIVE_INFINITY;
      if (waiting().length > 0) void ask();
      plan();
    },
    forget() {
      generation++;
      stock.clear();
      near = [];
      places.clear();
    },
  };
}
