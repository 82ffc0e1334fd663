import { EventEmitter, once } from "node:events";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import type { TimelineEntry } from "#contracts/gen/message_pb.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import type { Call } from "#platform/rpc/call.ts";
import { withinTime } from "#platform/rpc/within-time.ts";
import { answers } from "../api/schemas.ts";
import { bearerToken, callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { Entry, Epoch, Seq, toApiEntry } from "./frames.ts";
import { isOver } from "./is-over.ts";
import type { Position, Receiver, TimelineHub } from "./timeline-hub.ts";

/** Shorter than proxies wait for an answer. */
const waitMs = 25_000;
/** How often it is looked whether the session of who waits goes on. */
const lookMs = 500;

/** The same as the connection, for those who cannot have one. */
export function entriesRoute({
  hub,
  hubs: { presence },
  auth,
  urlsFor,
}: Pick<GatewayContext, "hub" | "hubs" | "auth" | "urlsFor">): FastifyPluginAsyncTypebox {
  return async (app) => {
    const stopping = new AbortController();
    // Requests that wait are answered when the process ends.
    app.addHook("preClose", async () => stopping.abort());
    app.get(
      "/realtime/entries",
      {
        schema: {
          summary: "What has reached one after a position, or does within 25 seconds",
          description:
            "Send `epoch` and `seq` of the answer before as `epoch` and `after`. Where `recovered` is false, something " +
            "may be missing: take the position first, then the lists, then go on from the position.",
          tags: ["messages"],
          querystring: Type.Object({ epoch: Type.Optional(Epoch), after: Type.Optional(Seq) }),
          response: answers({
            200: Type.Object({
              epoch: Type.String(),
              seq: Type.String(),
              recovered: Type.Boolean(),
              entries: Type.Array(Entry),
            }),
          }),
        },
      },
      async (request) => {
        const { userId } = request.identity!;
        const { epoch = "", after = "0" } = request.query;
        const position = { epoch, seq: after };
        const call = callOf(request);
        const token = bearerToken(request)!;
        const over = new AbortController();
        const stopLooking = repeatEvery(
          lookMs,
          async () => auth.known(token) || (await auth.identify(token, call)),
          (error) => isOver(error) && over.abort(),
        );
        // Who waits is here, and between two requests not gone.
        const leave = presence.arrive(userId);
        const others = [stopping.signal, over.signal, ...(call.signal ? [call.signal] : [])];
        const { entries, ...rest } = await withinTime(waitMs, others, (signal) =>
          next(hub, userId, position, call, signal),
        ).finally(() => {
          void stopLooking();
          leave();
        });
        if (entries.some(({ what }) => what.case === "settings")) presence.settingsChanged(userId);
        // A session that ended while the request waited hears nothing any more.
        if (!auth.known(token)) await auth.identify(token, call);
        const urls = urlsFor(request);
        return { ...rest, entries: entries.map((entry) => toApiEntry(entry, userId, urls)) };
      },
    );
  };
}

interface Answer extends Position {
  recovered: boolean;
  entries: TimelineEntry[];
}

/** What follows the position; nothing if nothing comes until the signal. */
async function next(
  hub: TimelineHub,
  userId: string,
  position: Position,
  call: Call,
  signal: AbortSignal,
): Promise<Answer> {
  const heard = new EventEmitter<{ answer: [Answer] }>();
  const answer = (position: Position, recovered: boolean, entries: TimelineEntry[]) =>
    heard.emit("answer", { ...position, recovered, entries });
  const receiver: Receiver = {
    userId,
    position,
    take(entries) {
      answer({ epoch: receiver.position.epoch, seq: entries.at(-1)!.seq }, true, entries);
      return entries.length;
    },
    resync: () => answer(receiver.position, false, []),
  };
  const answered = once(heard, "answer", { signal }).catch(() => [
    { ...position, recovered: true, entries: [] },
  ]);
  try {
    await hub.join(receiver, call, (recovered) => recovered || receiver.resync());
    return (await answered)[0] as Answer;
  } finally {
    hub.leave(receiver);
  }
}
