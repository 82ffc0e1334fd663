import { changes, type LiveFrame, noWants, type Wants } from "./live.ts";
import type { Entry, News, Position, Timeline } from "./timeline.ts";

/** What is used of a WebSocket. */
export type Socket = Pick<WebSocket, "send" | "close" | "onopen" | "onmessage" | "onclose">;

export interface Answer extends Position {
  recovered: boolean;
  entries: readonly Entry[];
}

interface Options {
  timeline: Timeline;
  news: Pick<News, "online" | "live" | "line">;
  /** What the connection is to tell beside the timeline. */
  wants(): Wants;
  open(): Promise<Socket>;
  /** What comes after the position, as soon as there is something. Rejects if the server could not be asked. */
  poll(position: Position | undefined, signal: AbortSignal): Promise<Answer>;
  /** A token that is not `refused`; null: nobody is logged in any more. Rejects if the server could not be asked. */
  token(refused: string | null): Promise<string | null>;
  /** How long to wait after an error instead of `usualMs`. */
  againMs?(error: unknown, usualMs: number): number;
  random?: () => number;
}

export interface RealtimeClient {
  /** The network or the page is back: looks at once whether the line is alive. */
  wake(): void;
  /** Something else is wanted. */
  update(): void;
  /** The viewer is writing there; said if there is a connection. */
  writes(conversationId: string): void;
  stop(): void;
}

/** How a connection or a request ended. */
interface End {
  /** It worked for a while. */
  worked?: boolean;
  /** The server said when to come back. */
  afterMs?: number | undefined;
  /** Why the server ended it. */
  reason?: string;
  /** The server spoke: connections get through, whatever it said. */
  heard?: boolean;
  /** News arrive, also while it waits. */
  goesOn?: boolean;
}

type Frame = {
  type: string;
  reason?: string;
  afterMs?: number;
  retryAfterMs?: number;
  heartbeatMs?: number;
  idempotencyKey?: string;
} & Partial<Answer>;

const FIRST_MS = 500;
const LONGEST_MS = 20_000;
/** From connecting to `welcome`. Where everybody comes at once it is waited for as long as somebody is there. */
const WELCOME_MS = 15_000;
/** A line that is asked whether it is alive answers within this time. */
const ALIVE_MS = 5_000;
/** Lists that all are told to fetch again are fetched within this time, so that not all do in one moment. */
const RESYNC_MS = 5_000;
/** Where news come all the time, each request waits a moment and brings several. */
const POLL_PAUSE_MS = 1_000;
/** Another connection of the viewer has taken the place of this one, which would take it back: until it is woken. */
const REPLACED_MS = 10 * 60_000;
/** A connection that lasts so long was none of a row of failures. */
const LASTING_MS = 10_000;
/** After so many connections without a welcome, requests take over; a connection is tried again after a while. */
const FAILURES_TO_POLL = 3;
const POLLING_MS = 5 * 60_000;
/** Reasons to ask for another token. */
const TOKEN_REASONS = new Set(["TOKEN_INVALID", "TOKEN_EXPIRED", "SESSION_ENDED"]);

/**
 * Keeps a timeline going over a WebSocket, or over requests that wait where there is none, and comes back by itself. The
 * protocol is described by /api/v1/asyncapi.json.
 */
export function createRealtimeClient(options: Options): RealtimeClient {
  const { timeline, news, wants, open, poll, token, againMs = (_, ms) => ms, random = Math.random } = options;
  const stopped = new AbortController();
  let failures = 0;
  let unwelcomed = 0;
  let pollUntilMs = 0;
  let refused: string | null = null;
  let endPause = () => {};
  let probe = () => {};
  let update = () => {};
  let writes = (_conversationId: string) => {};
  const now = () => performance.now();

  /** One connection, from `hello` to its end. */
  function connect(access: string, socket: Socket): Promise<End> {
    return new Promise((resolve) => {
      const timers = new Set<ReturnType<typeof setTimeout>>();
      let heardMs = now();
      let welcomedMs: number | undefined;
      let over = false;
      let heard = false;
      let given = access;
      let pingedMs = Number.NEGATIVE_INFINITY;
      let told = noWants;
      /** What has come since the lists are about to be fetched again. */
      let held: Frame[] | undefined;

      const after = (ms: number, act: () => void) => {
        const timer = setTimeout(() => {
          timers.delete(timer);
          act();
        }, ms);
        timers.add(timer);
      };
      const say = (frame: object) => socket.send(JSON.stringify(frame));
      // A line that is dead would tell of its end much later.
      function finish(end: End = {}) {
        if (over) return;
        over = true;
        for (const timer of timers) clearTimeout(timer);
        socket.onopen = socket.onmessage = socket.onclose = null;
        stopped.signal.removeEventListener("abort", leave);
        probe = update = writes = () => {};
        if (welcomedMs !== undefined) news.line(false);
        socket.close();
        resolve({ worked: welcomedMs !== undefined && now() - welcomedMs > LASTING_MS, heard, ...end });
      }
      const leave = () => finish();

      /** The position is of no use any more. */
      function resync({ epoch, seq }: Frame) {
        held = [];
        after(RESYNC_MS * random(), () => {
          const since = held!;
          held = undefined;
          timeline.moveTo({ epoch: epoch!, seq: seq! });
          for (const frame of since) if (!over) hear(frame);
        });
      }

      /** What was asked for was too much just now; it is asked for again. */
      function askAgain(afterMs: number) {
        after(afterMs, () => {
          told = noWants;
          update();
        });
      }

      /** The connection goes on with the session's next token. */
      async function renew() {
        const next = await token(null).catch(() => null);
        if (over || next === null || next === given) return;
        given = next;
        say({ type: "token", token: next });
      }

      function beat(everyMs: number, firstMs: number) {
        after(firstMs, () => {
          // By the ping and not by the clock: timers of hidden pages and of sleeping phones come late.
          if (pingedMs > heardMs) return finish();
          pingedMs = now();
          say({ type: "ping" });
          void renew();
          beat(everyMs, everyMs);
        });
      }

      function hear(frame: Frame) {
        if (frame.type === "welcome") {
          welcomedMs = now();
          if (!frame.recovered || !timeline.position())
            timeline.moveTo({ epoch: frame.epoch!, seq: frame.seq! });
          const everyMs = frame.heartbeatMs ?? 30_000;
          beat(everyMs, everyMs * random());
          update = () => {
            const next = wants();
            for (const change of changes(told, next)) say(change);
            told = next;
          };
          writes = (conversationId) => say({ type: "typing", conversationId });
          update();
          news.online(true);
          news.line(true);
        } else if (isLive(frame)) news.live(frame);
        else if (held && (frame.type === "entries" || frame.type === "resync")) held.push(frame);
        else if (frame.type === "entries") {
          // What is missing comes with the next connection.
          if (!timeline.take(frame.entries ?? [])) finish();
        } else if (frame.type === "resync") resync(frame);
        else if (frame.type === "refused") {
          if (frame.idempotencyKey === undefined && frame.retryAfterMs) askAgain(spread(frame.retryAfterMs)!);
        } else if (frame.type === "reconnect") finish({ afterMs: frame.afterMs });
        else if (frame.type === "bye") {
          const { reason = "", retryAfterMs } = frame;
          finish({ reason, afterMs: spread(reason === "CONNECTION_REPLACED" ? REPLACED_MS : retryAfterMs) });
        }
      }

      /** Whether anybody is there: a line that is dead ends. */
      function ask(then = () => {}) {
        const askedMs = now();
        say({ type: "ping" });
        after(ALIVE_MS, () => (heardMs < askedMs ? finish() : then()));
      }
      let isOpen = false;
      function awaitWelcome() {
        after(WELCOME_MS, () => {
          if (!isOpen) finish();
          else if (welcomedMs === undefined) ask(awaitWelcome);
        });
      }

      socket.onopen = () => {
        isOpen = true;
        say({ type: "hello", token: access, device: "web", urls: "paths", ...timeline.position() });
      };
      socket.onmessage = ({ data }: { data: unknown }) => {
        heardMs = now();
        const frame = readFrame(data);
        if (!frame) return;
        heard = true;
        hear(frame);
      };
      socket.onclose = () => finish();
      stopped.signal.addEventListener("abort", leave);
      if (stopped.signal.aborted) leave();
      awaitWelcome();
      probe = () => {
        if (isOpen) ask();
      };
    });
  }

  async function askOnce(): Promise<End> {
    const answer = await poll(timeline.position(), stopped.signal);
    if (stopped.signal.aborted) return {};
    news.online(true);
    const { epoch, seq, recovered, entries } = answer;
    if (!recovered || !timeline.position()) timeline.moveTo({ epoch, seq });
    const afterMs = entries.length > 0 ? POLL_PAUSE_MS : 0;
    return { worked: timeline.take(entries), afterMs, goesOn: true };
  }

  async function attempt(): Promise<End | undefined> {
    const access = await token(refused);
    if (access === null) return undefined;
    if (now() < pollUntilMs) return askOnce();
    if (unwelcomed >= FAILURES_TO_POLL) {
      unwelcomed = 0;
      const end = await askOnce();
      // Requests get through, so it is the connection that does not.
      pollUntilMs = now() + POLLING_MS;
      return end;
    }
    unwelcomed++;
    const end = await connect(access, await open());
    if (end.heard) unwelcomed = 0;
    if (TOKEN_REASONS.has(end.reason ?? "")) refused = access;
    return end;
  }

  async function run() {
    while (!stopped.signal.aborted) {
      let waitMs: number;
      try {
        const end = await attempt();
        if (!end || stopped.signal.aborted) break;
        failures = end.worked ? 0 : failures + 1;
        waitMs = end.afterMs ?? backOffMs();
        if (waitMs > 0 && !end.goesOn) news.online(false);
      } catch (error) {
        if (stopped.signal.aborted) break;
        failures++;
        pollUntilMs = 0;
        news.online(false);
        waitMs = againMs(error, backOffMs());
      }
      await pause(waitMs);
    }
    news.online(false);
  }

  /** Anything up to a bound that doubles, so that those who lost their lines together do not come back together. */
  function backOffMs(): number {
    return random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  }

  /** Those whom the server told the same time do not come in the same moment. */
  const spread = (ms?: number) => ms && ms * (1 + random() / 2);

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  void run();
  return {
    wake() {
      pollUntilMs = 0;
      probe();
      endPause();
    },
    update: () => update(),
    writes: (conversationId) => writes(conversationId),
    stop() {
      stopped.abort();
      endPause();
    },
  };
}

const LIVE = new Set(["presence", "typing", "live"]);
const isLive = (frame: { type: string }): frame is LiveFrame => LIVE.has(frame.type);

function readFrame(data: unknown): Frame | undefined {
  try {
    return JSON.parse(String(data)) as Frame;
  } catch {
    return undefined;
  }
}
