import type { WebSocket } from "ws";
import type { TimelineEntry } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Auth, Identity } from "../edge/auth.ts";
import type { Limits } from "../edge/limits.ts";
import { requireUnmuted } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { type ClientFrame, readFrame, toApiEntry, toApiMessage } from "./frames.ts";
import type { Hubs } from "./hubs.ts";
import { isOver } from "./is-over.ts";
import { createSubscriptions, type Subscriptions } from "./subscriptions.ts";
import type { Receiver, TimelineHub } from "./timeline-hub.ts";

/** Both sides say something at least this often. */
const heartbeatMs = 30_000;
const missedHeartbeats = 3;
/** The first frame comes within this time. */
const helloMs = 10_000;
/** What a client may leave unread; what comes then waits in its timeline until it has read. */
const maxUnsentBytes = 256 * 1024;
/** A frame of entries is closed when it is larger than this. */
const largeFrameBytes = 32 * 1024;
/** Who reads nothing for so long is to come back when they have time. */
const unreadMs = 10_000;
/** A client that does not answer the close is not waited for. */
const closingMs = 5_000;
const maxFramesPerSecond = 20;
/** An acknowledgement costs next to nothing. */
const ackShare = 0.1;
/** Frames that are being answered. */
const maxUnderWay = 20;
/** Who has more unread than this is told later what has changed meanwhile. */
const roomBytes = 64 * 1024;

/** The code with which the connection is closed tells programs what the last frame tells people. */
const closeCodes = { goingAway: 1001, policy: 1008 };

/** What connections are served with. */
export interface Realtime {
  auth: Pick<Auth, "identify" | "known">;
  hub: TimelineHub;
  hubs: Hubs;
  message: Pick<GatewayClients["message"], "send">;
  limits: Pick<Limits, "takeFor">;
  /** Whether operators have switched off writing. */
  isWritingOff(): boolean;
  /** Runs `enter` in its turn. Error: BUSY. */
  letIn(enter: () => Promise<void>): Promise<void>;
  /** Counts the connection for its person. */
  admit(connection: Connection, userId: string): void;
  forget(connection: Connection): void;
  /** Logs it, and says what the client is told. */
  unexpected(error: unknown): DomainError;
}

type Hello = Extract<ClientFrame, { type: "hello" }>;

/** A connection as the rest sees it. */
export interface Connection {
  readonly identity: Identity | undefined;
  /** As it named itself. */
  readonly device: string;
  /** Is called some times a second: ends what is silent, or whose session has ended. */
  look(): void;
  /** Asks the client to come back after this time, and ends. */
  drain(afterMs: number): void;
  end(error: DomainError): void;
}

/**
 * Serves a connection. `unidentified` counts a refused token, and refuses who has had too many; `urlsFor` makes URLs, as
 * paths if the client wants those, for everybody or for one viewer. `known` is called once it is known whose it is.
 */
export function serveConnection(
  socket: WebSocket,
  realtime: Realtime,
  newCall: () => Call,
  unidentified: (reason: string) => Promise<void>,
  urlsFor: (paths: boolean, viewerId?: string) => MediaUrls,
  known: () => void,
): Connection {
  const startedMs = performance.now();
  let heardMs = startedMs;
  let secondMs = startedMs;
  let framesInSecond = 0;
  let underWay = 0;
  let token: string | undefined;
  let identity: Identity | undefined;
  let device = "";
  let ownUrls: MediaUrls | undefined;
  let receiver: Receiver | undefined;
  let subscriptions: Subscriptions | undefined;
  let checking = false;
  let ended = false;
  let endedMs = 0;
  /** Since when it has not read what it was sent. */
  let fullSinceMs: number | undefined;
  /** Messages are sent in the order in which they came. */
  let sending: Promise<void> = Promise.resolve();
  /** So are changes of what it watches. */
  let changing: Promise<void> = Promise.resolve();

  const tell = (frame: object) => tellText(JSON.stringify(frame));
  function tellText(frame: string): void {
    if (ended || socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > maxUnsentBytes) end(refusal("REALTIME_SLOW"));
    else socket.send(frame, goOn);
  }
  /** It has read: what waits in the timeline is sent. */
  function goOn(): void {
    if (ended || fullSinceMs === undefined || socket.bufferedAmount > 0) return;
    fullSinceMs = undefined;
    if (receiver) realtime.hub.resume(receiver);
  }

  function close(code: number, frame: object): void {
    if (ended) return;
    ended = true;
    endedMs = performance.now();
    if (receiver) realtime.hub.leave(receiver);
    subscriptions?.end();
    socket.send(JSON.stringify(frame));
    socket.close(code);
  }

  function end(error: DomainError): void {
    const { reason, message, retryAfterMs } = error;
    close(closeCodes.policy, { type: "bye", reason, detail: message, retryAfterMs });
  }

  /** Whatever fails is the client's to know; what is no refusal is logged, without the frame. */
  const refused = (error: unknown) => (error instanceof DomainError ? error : realtime.unexpected(error));

  async function hello(frame: Hello): Promise<void> {
    if (token !== undefined) throw refusal("FRAME_INVALID", "There is one hello, and it is the first frame.");
    token = frame.token;
    // While it waits, nothing is kept of what is not known here.
    const { type, token: given, device, epoch, seq, urls } = frame;
    const kept = { type, token: given, device, epoch, seq, urls };
    await realtime.letIn(() => enter(kept, newCall()));
  }

  async function enter(frame: Hello, call: Call): Promise<void> {
    // Nobody waits any more. As a failure, so that it does not count as one that took no time.
    if (ended) throw refusal("HELLO_LATE");
    const who = await realtime.auth.identify(frame.token, call).catch(async (error) => {
      if (error instanceof DomainError && error.kind === "unauthenticated") await unidentified(error.reason);
      throw error;
    });
    if (ended) return;
    await realtime.limits.takeFor("realtime", who.userId);
    if (ended) return;
    identity = who;
    device = frame.device;
    known();
    const { userId } = who;
    const paths = frame.urls === "paths";
    ownUrls = urlsFor(paths, userId);
    const joined: Receiver = {
      userId,
      position: { epoch: frame.epoch ?? "", seq: frame.seq ?? "0" },
      take: (entries) => giveEntries(entries, userId),
      resync: () => tell({ type: "resync", ...joined.position }),
    };
    realtime.admit(connection, userId);
    subscriptions = createSubscriptions(realtime.hubs, who, {
      urls: urlsFor(paths),
      hasRoom: () => socket.bufferedAmount < roomBytes,
      ...{ tell, tellText },
    });
    await realtime.hub.join(joined, { ...call, callerId: userId }, (recovered) =>
      tell({ type: "welcome", ...joined.position, recovered, heartbeatMs }),
    );
    if (ended) return realtime.hub.leave(joined);
    receiver = joined;
  }

  /** A session goes on with its next token, and the connection with it. */
  async function renew(next: string, { userId }: Identity): Promise<void> {
    const who = await realtime.auth.identify(next, newCall()).catch((error) => {
      if (isOver(error)) throw error;
      // The one before is good for a while; then the client comes back with this one.
      refused(error);
    });
    if (!who) return;
    if (who.userId !== userId) throw refusal("FRAME_INVALID", "This token is somebody else's.");
    token = next;
    identity = who;
  }

  /** Sends as many as there is room for; returns how many. */
  function giveEntries(entries: TimelineEntry[], ownId: string): number {
    let given = 0;
    while (given < entries.length && socket.bufferedAmount < maxUnsentBytes) {
      const frame: string[] = [];
      for (let bytes = 0; given < entries.length && bytes < largeFrameBytes; given++) {
        const text = JSON.stringify(toApiEntry(entries[given]!, ownId, ownUrls!));
        bytes += Buffer.byteLength(text);
        frame.push(text);
      }
      if (ended || socket.readyState !== socket.OPEN) return entries.length;
      socket.send(`{"type":"entries","entries":[${frame.join(",")}]}`, goOn);
    }
    if (given < entries.length) fullSinceMs = performance.now();
    subscriptions?.reached(entries.slice(0, given));
    return given;
  }

  async function send(frame: Extract<ClientFrame, { type: "send" }>, who: Identity): Promise<void> {
    const { userId, moderator } = who;
    const { idempotencyKey, conversationId, text, replyTo = "", videoId = "", profileId = "" } = frame;
    try {
      if (realtime.isWritingOff()) throw refusal("SWITCHED_OFF");
      requireUnmuted(who);
      await realtime.limits.takeFor("messages", userId);
      const sent = await realtime.message.send(
        { receiverId: conversationId, content: text, idempotencyKey, replyToId: replyTo, videoId, profileId },
        { ...newCall(), callerId: userId, moderator },
      );
      tell({ type: "sent", idempotencyKey, message: toApiMessage(sent, userId, ownUrls!) });
    } catch (error) {
      const { reason, message, retryAfterMs } = refused(error);
      tell({ type: "refused", idempotencyKey, reason, detail: message, retryAfterMs });
    }
  }

  /** All of it or nothing. Nobody is kept from watching less. */
  async function change(frame: Extract<ClientFrame, { type: "subscribe" | "unsubscribe" }>, userId: string) {
    try {
      if (frame.type === "subscribe") await realtime.limits.takeFor("subscriptions", userId);
      if (!ended) subscriptions?.change(frame);
    } catch (error) {
      const { reason, message, retryAfterMs } = refused(error);
      tell({ type: "refused", reason, detail: message, retryAfterMs });
    }
  }

  /** Errors: TOO_MANY_REQUESTS, ACCOUNT_MUTED. */
  async function type(conversationId: string, who: Identity): Promise<void> {
    const { userId } = who;
    requireUnmuted(who);
    if (realtime.isWritingOff() || !subscriptions?.mayWrite()) return;
    await realtime.limits.takeFor("typing", userId);
    await subscriptions.writes(conversationId, newCall());
  }

  async function hear(frame: ClientFrame | undefined): Promise<void> {
    if (!frame) throw refusal("FRAME_INVALID");
    if (frame.type === "hello") return hello(frame);
    // A hello may wait for its turn for a while: its client sees that somebody is there.
    if (frame.type === "ping" && token !== undefined) return tell({ type: "pong" });
    if (!identity) throw refusal("FRAME_INVALID", "The first frame is a hello.");
    if (frame.type === "token") await renew(frame.token, identity);
    if (frame.type === "subscribe" || frame.type === "unsubscribe") {
      const { userId } = identity;
      changing = changing.then(() => change(frame, userId));
      await changing;
    }
    // A word of it may be lost.
    if (frame.type === "typing") await type(frame.conversationId, identity).catch(() => undefined);
    if (frame.type === "send") {
      const who = identity;
      sending = sending.then(() => send(frame, who));
      await sending;
    }
  }

  socket.on("message", (data, isBinary) => {
    if (ended) return;
    heardMs = performance.now();
    if (heardMs - secondMs >= 1_000) {
      secondMs = heardMs;
      framesInSecond = 0;
    }
    if (isBinary) return end(refusal("FRAME_INVALID", "Frames are texts."));
    const frame = readFrame(String(data));
    framesInSecond += frame?.type === "ack" ? ackShare : 1;
    if (framesInSecond > maxFramesPerSecond || underWay >= maxUnderWay)
      return end(refusal("TOO_MANY_REQUESTS", `Send ${maxFramesPerSecond} frames a second at most.`));
    underWay++;
    hear(frame)
      .catch((error) => end(refused(error)))
      .finally(() => {
        underWay--;
      });
  });
  // Broken frames and cut lines: there is nobody to tell.
  socket.on("error", () => {});
  socket.on("close", () => {
    ended = true;
    if (receiver) realtime.hub.leave(receiver);
    subscriptions?.end();
    realtime.forget(connection);
  });

  const connection: Connection = {
    get identity() {
      return identity;
    },
    get device() {
      return device;
    },
    look() {
      const now = performance.now();
      if (ended) return now - endedMs > closingMs ? socket.terminate() : undefined;
      if (fullSinceMs !== undefined && now - fullSinceMs > unreadMs) return end(refusal("REALTIME_SLOW"));
      // One that has come waits for its turn.
      if (token === undefined && now - startedMs > helloMs) return end(refusal("HELLO_LATE"));
      // A client that does not even close is not waited for.
      if (now - heardMs > missedHeartbeats * heartbeatMs) return socket.terminate();
      if (!identity || checking || realtime.auth.known(token!)) return;
      checking = true;
      realtime.auth
        .identify(token!, newCall())
        .then((known) => {
          identity = known;
        })
        .catch((error) => {
          if (isOver(error)) end(error);
        })
        .finally(() => {
          checking = false;
        });
    },
    drain: (afterMs) => close(closeCodes.goingAway, { type: "reconnect", afterMs }),
    end,
  };
  return connection;
}
