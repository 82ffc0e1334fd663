import type { FastifyRequest } from "fastify";
import type { limitNames } from "#contracts/limit-names.ts";
import { addressKey } from "#platform/http/client-address.ts";
import type { Protection } from "#platform/protect/protection.ts";
import type { RateLimit, RateLimitOptions } from "#platform/protect/rate-limit.ts";
import { createScraping, type Scraping } from "./scraping.ts";

interface Row extends RateLimitOptions {
  /** Renaming a limit resets its counters. */
  name: (typeof limitNames)[number];
  routes: string[];
}

/**
 * Limits of a person, over both APIs together, and of an address without a known person: far more than anybody does
 * by hand. The services count passwords and files themselves.
 */
export const limitTable: Row[] = [
  {
    name: "comments",
    burst: 40,
    perMinute: 20,
    routes: [
      "POST /api/v1/videos/:id/comments",
      "POST /api/v1/videos/:id/comments/:commentId/replies",
      "POST /douyin/comment/action",
    ],
  },
  {
    name: "follows",
    burst: 150,
    perMinute: 40,
    routes: [
      "PUT /api/v1/users/:id/follow",
      "DELETE /api/v1/users/:id/follow",
      "POST /douyin/relation/action",
    ],
  },
  {
    name: "reactions",
    burst: 200,
    perMinute: 100,
    routes: [
      "PUT /api/v1/videos/:id/like",
      "DELETE /api/v1/videos/:id/like",
      "PUT /api/v1/videos/:id/dislike",
      "DELETE /api/v1/videos/:id/dislike",
      "PUT /api/v1/videos/:id/bookmark",
      "DELETE /api/v1/videos/:id/bookmark",
      "PUT /api/v1/videos/:id/repost",
      "DELETE /api/v1/videos/:id/repost",
      "POST /douyin/favorite/action",
    ],
  },
  // Each is told to a thousand people, in whose timelines other things are to be found.
  {
    name: "emojis",
    burst: 30,
    perMinute: 20,
    routes: [
      "PUT /api/v1/conversations/:userId/messages/:messageId/reactions/:emoji",
      "DELETE /api/v1/conversations/:userId/messages/:messageId/reactions/:emoji",
    ],
  },
  {
    name: "messages",
    burst: 100,
    perMinute: 60,
    routes: [
      "POST /api/v1/conversations/:userId/messages",
      "POST /api/v1/conversations/:userId/pictures",
      "POST /douyin/message/action",
    ],
  },
  // Each may bring in a thousand people, or invite them.
  {
    name: "groups",
    burst: 30,
    perMinute: 10,
    routes: ["POST /api/v1/groups", "POST /api/v1/groups/:id/members", "PUT /api/v1/groups/:id/link"],
  },
  // Each is told to a thousand people, and so is leaving again.
  {
    name: "joining groups",
    burst: 20,
    perMinute: 5,
    routes: ["POST /api/v1/group-links/:code/join", "PUT /api/v1/me/group-invitations/:id"],
  },
  { name: "searches of messages", burst: 60, perMinute: 30, routes: ["GET /api/v1/me/messages"] },
  // Connections, and requests that wait for what comes.
  { name: "realtime", burst: 120, perMinute: 120, routes: ["GET /api/v1/realtime/entries"] },
  // What connections watch changes with each video that comes into view; and asking without one.
  { name: "subscriptions", burst: 300, perMinute: 300, routes: ["GET /api/v1/presence"] },
  // Who writes says so every three seconds.
  { name: "typing", burst: 60, perMinute: 120, routes: [] },
  // A client tells this for every message that is shown.
  {
    name: "reading",
    burst: 600,
    perMinute: 300,
    routes: ["PUT /api/v1/conversations/:userId/read", "PUT /api/v1/notifications/seen"],
  },
  {
    name: "blocks",
    burst: 60,
    perMinute: 20,
    routes: ["PUT /api/v1/users/:id/block", "DELETE /api/v1/users/:id/block"],
  },
  {
    name: "reports",
    burst: 20,
    perMinute: 10,
    routes: [
      "POST /api/v1/reports",
      "POST /api/v1/appeals",
      "POST /api/v1/videos/:id/comments/:commentId/report",
      "POST /api/v1/conversations/:userId/messages/:messageId/report",
    ],
  },
  { name: "profiles", burst: 20, perMinute: 10, routes: ["PATCH /api/v1/me"] },
  {
    name: "pictures",
    burst: 15,
    perMinute: 5,
    routes: [
      "PUT /api/v1/me/avatar",
      "DELETE /api/v1/me/avatar",
      "PUT /api/v1/me/background",
      "PUT /api/v1/videos/:id/cover",
      "DELETE /api/v1/me/background",
    ],
  },
  {
    name: "publishing",
    burst: 30,
    perMinute: 10,
    routes: ["POST /api/v1/videos", "POST /douyin/publish/action"],
  },
  // Each looks up whom the texts mention.
  { name: "changes of videos", burst: 30, perMinute: 10, routes: ["PATCH /api/v1/videos/:id"] },
  { name: "shares", burst: 60, perMinute: 30, routes: ["POST /api/v1/videos/:id/shares"] },
  // Many may be behind one address.
  { name: "downloads", burst: 600, perMinute: 300, routes: ["GET /media/download/:videoId"] },
  // Of 1 GB in pieces of 2 MB, say, and asking for the offset may finish an upload.
  {
    name: "pieces of uploads",
    burst: 600,
    perMinute: 300,
    routes: [
      "PATCH /api/v1/uploads/tus/:id",
      "HEAD /api/v1/uploads/tus/:id",
      "DELETE /api/v1/uploads/tus/:id",
    ],
  },
  // A completion reads the whole file; asking for one signs up to 1,000 URLs.
  {
    name: "direct uploads",
    burst: 60,
    perMinute: 20,
    routes: [
      "GET /api/v1/uploads/direct/:id",
      "POST /api/v1/uploads/direct/:id/complete",
      "DELETE /api/v1/uploads/direct/:id",
    ],
  },
  // Whether a file is here is told to who knows its hash, so nobody asks for many. The proof is an upload as well.
  {
    name: "known files",
    burst: 60,
    perMinute: 20,
    routes: ["POST /api/v1/uploads/known", "POST /api/v1/uploads/known/proof"],
  },
  {
    name: "sessions",
    burst: 60,
    perMinute: 30,
    routes: [
      "GET /api/v1/sessions",
      "DELETE /api/v1/sessions",
      "DELETE /api/v1/sessions/current",
      "DELETE /api/v1/sessions/:id",
    ],
  },
  // Their own comments and, for moderators, those of many others.
  {
    name: "removals",
    burst: 300,
    perMinute: 120,
    routes: [
      "DELETE /api/v1/videos/:id",
      "DELETE /api/v1/conversations/:userId/messages/:messageId",
      "PUT /api/v1/conversations/:userId/messages/:messageId/recalled",
      "DELETE /api/v1/videos/:id/comments/:commentId",
      "POST /api/v1/moderation/acts",
      "PUT /api/v1/moderation/queue/:kind/:id/claim",
      "DELETE /api/v1/moderation/queue/:kind/:id/claim",
      "PUT /api/v1/videos/:id/hold",
      "DELETE /api/v1/videos/:id/hold",
    ],
  },
  // Everybody in a school or an office behind one address, who renew every quarter of an hour, and all at once when
  // the server is back.
  { name: "renewals", burst: 1_200, perMinute: 600, routes: ["POST /api/v1/sessions/refresh"] },
  // A school of guests behind one address, each with a session for every video and a report every ten seconds.
  { name: "plays", burst: 1_200, perMinute: 600, routes: ["POST /api/v1/playback/sessions"] },
  { name: "reports of plays", burst: 1_800, perMinute: 6_000, routes: ["POST /api/v1/playback/beacons"] },
];
/**
 * The service counts these, where the person is known: an owner with a known device is let in however many others
 * guess.
 */
const countedByService: ReadonlySet<string> = new Set([
  "POST /api/v1/users",
  "POST /api/v1/sessions",
  "POST /douyin/user/register",
  "POST /douyin/user/login",
]);
/** Everything else that changes something. */
const otherChanges = { burst: 120, perMinute: 60 };
/**
 * Requests of an address with invalid tokens, or without a required one. A token that was valid before is answered in
 * any case: that answer makes a client renew it.
 */
const unidentified = { burst: 600, perMinute: 300 };
/** A token that is refused for these reasons cannot be forged. */
const onceValid: ReadonlySet<string> = new Set(["TOKEN_EXPIRED", "SESSION_ENDED"]);

export interface Limits {
  /** Counts a request for its identified sender. Errors: TOO_MANY_REQUESTS, TOO_MANY_PAGES. */
  take(request: FastifyRequest): Promise<void>;
  /** Counts what a person does without a request of its own. Error: TOO_MANY_REQUESTS. */
  takeFor(name: Row["name"], userId: string): Promise<void>;
  /** Counts a request whose sender is refused for this reason. Error: TOO_MANY_REQUESTS. */
  takeUnidentified(request: FastifyRequest, reason: string): Promise<void>;
}

const personKey = (userId: string) => `person ${userId}`;

export function createLimits(
  protect: Pick<Protection, "rateLimit">,
  scraping: Scraping = createScraping(protect),
): Limits {
  const ofName = new Map<string, RateLimit>(
    limitTable.map(({ name, routes: _, ...row }) => [name, protect.rateLimit(name, row)]),
  );
  const ofRoute = new Map(
    limitTable.flatMap(({ name, routes }) => routes.map((route) => [route, ofName.get(name)!] as const)),
  );
  const others = protect.rateLimit("other changes", otherChanges);
  const unidentifiedLimit = protect.rateLimit("unidentified", unidentified);
  return {
    async take(request) {
      const { method, identity } = request;
      const { url = "" } = request.routeOptions;
      const route = `${method} ${url}`;
      if (countedByService.has(route)) return;
      const reads = method === "GET" || method === "HEAD";
      if (request.routeOptions.config.policy?.isList)
        await scraping.take(identity?.userId, addressKey(request.ip));
      // The server answers it as it does a GET, with all the work of one.
      const asGet = method === "HEAD" ? ofRoute.get(`GET ${url}`) : undefined;
      const limit = ofRoute.get(route) ?? asGet ?? (reads ? undefined : others);
      await limit?.take(identity ? personKey(identity.userId) : `address ${addressKey(request.ip)}`);
    },
    async takeFor(name, userId) {
      await ofName.get(name)!.take(personKey(userId));
    },
    async takeUnidentified(request, reason) {
      if (!onceValid.has(reason)) await unidentifiedLimit.take(addressKey(request.ip));
    },
  };
}
