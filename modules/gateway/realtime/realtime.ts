import { setTimeout as delay } from "node:timers/promises";
import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { keepUpgraded } from "#platform/http/connections.ts";
import type { Logger } from "#platform/observe/log.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Limits } from "../edge/limits.ts";
import { unexpected } from "../edge/problem.ts";
import { type MediaUrls, originOf } from "../media/media-urls.ts";
import { createComeBack } from "./come-back.ts";
import { type Connection, type Realtime, serveConnection } from "./connection.ts";
import { subprotocol } from "./frames.ts";
import { createShifts } from "./shifts.ts";

const maxFrameBytes = 16 * 1024;
/**
 * A person's devices and browsers. An earlier connection of the same device makes room, or else the oldest: it may be one
 * whose end nobody has seen.
 */
const maxPerPerson = 20;
/** Every connection is looked at once a second, some at a time. */
const turns = 20;
const turnMs = 1_000 / turns;
const callMs = 10_000;
/** Hellos answered at once; after a failure everybody comes at the same time, and other requests want their turn. */
const entriesAtOnce = 16;
/** A hello waits half as long at most. Who waits costs less than who is turned away and comes again. */
const helloWaitMs = 180_000;
const maxWaiting = 20_000;
/** A process that ends closes its connections in slices, so that not all of them are taken up by others at once. */
const slices = 20;
const leastInSlice = 50;
const sliceMs = 100;
const politeLooks = 10;
/** Clients of a process that ends come back spread over this time. */
const comeBackMs = 5_000;

export type RealtimeServices = Pick<Realtime, "auth" | "hub" | "hubs" | "message"> & {
  limits: Pick<Limits, "takeFor" | "takeUnidentified">;
  publicUrl: string;
  log: Logger;
  protect: Pick<Protection, "boundedQueue">;
  urlsAt(origin: string, viewerId: string | undefined): MediaUrls;
};

/** Connections over which people are told what reaches them while it happens. */
export async function realtimeRoutes(app: FastifyInstance, services: RealtimeServices): Promise<void> {
  const { publicUrl, log, protect, limits } = services;
  const entrance = protect.boundedQueue("realtime_entrance", {
    concurrency: entriesAtOnce,
    maxWaiting,
    typicalMs: 10,
    help: "Connections whose hello waits for its turn.",
  });
  const comeBack = createComeBack();
  const connections = createShifts<Connection>(turns);
  const ofPerson = new Map<string, Set<Connection>>();
  const realtime: Realtime = {
    ...services,
    isWritingOff: () => app.switchedOff?.().has("messages") ?? false,
    letIn: (enter) =>
      entrance.run(enter, Date.now() + helloWaitMs).catch((error) => {
        throw error instanceof DomainError && error.reason === "BUSY" ? comeBack(error) : error;
      }),
    admit(connection, userId) {
      const own = ofPerson.get(userId) ?? new Set();
      ofPerson.set(userId, own.add(connection));
      if (own.size <= maxPerPerson) return;
      const ofDevice = [...own].find((one) => one !== connection && one.device === connection.device);
      const [oldest = connection] = own;
      const replaced = ofDevice ?? oldest;
      own.delete(replaced);
      replaced.end(refusal("CONNECTION_REPLACED"));
    },
    forget(connection) {
      connections.delete(connection);
      const userId = connection.identity?.userId;
      const own = userId === undefined ? undefined : ofPerson.get(userId);
      own?.delete(connection);
      if (own?.size === 0) ofPerson.delete(userId!);
    },
    unexpected: (error) => unexpected(error, log),
  };

  const timer = setInterval(() => {
    for (const connection of connections.next()) connection.look();
  }, turnMs);

  await app.register(websocket, {
    // A broken frame: anybody can send one, so it is not worth a line in the log.
    errorHandler: (_error, socket) => socket.terminate(),
    options: {
      maxPayload: maxFrameBytes,
      // 78 KB of memory for each connection, instead of 6.
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    },
    async preClose() {
      clearInterval(timer);
      const all = connections.all();
      const size = Math.max(leastInSlice, Math.ceil(all.length / slices));
      for (let i = 0; i < all.length; i += size) {
        if (i > 0) await delay(sliceMs);
        drain(all.slice(i, i + size));
      }
      // Whoever came meanwhile.
      drain(connections.all());
      // A phone that sleeps does not answer.
      for (let i = 0; i < politeLooks && connections.all().length > 0; i++) await delay(sliceMs);
      for (const client of app.websocketServer.clients) client.terminate();
    },
  });
  app.addHook("onRequest", async (request) => {
    checkOrigin(request, publicUrl);
  });
  app.route({
    ...{ method: "GET", url: "/realtime", schema: { hide: true } },
    handler() {
      throw refusal("FRAME_INVALID", `Connect by a WebSocket of ${subprotocol}; see /api/v1/asyncapi.json.`);
    },
    wsHandler(socket, request) {
      const line = request.raw.socket;
      const newCall = (): Call => ({ traceId: newTraceId(), deadlineMs: Date.now() + callMs });
      connections.add(
        serveConnection(
          socket,
          realtime,
          newCall,
          (reason) => limits.takeUnidentified(request, reason),
          (paths, viewerId) => services.urlsAt(paths ? "" : originOf(request, publicUrl), viewerId),
          () => keepUpgraded(line),
        ),
      );
    },
  });
}

function drain(some: Iterable<Connection>): void {
  for (const connection of some) connection.drain(Math.ceil(Math.random() * comeBackMs));
}

/** A page of another site could otherwise connect from its visitor's browser. Error: CROSS_SITE. */
function checkOrigin({ headers: { origin }, host }: FastifyRequest, publicUrl: string): void {
  if (origin === undefined || origin === publicUrl) return;
  // The scheme is the proxy's business.
  if (!URL.canParse(origin) || new URL(origin).host !== host) throw refusal("CROSS_SITE");
}
