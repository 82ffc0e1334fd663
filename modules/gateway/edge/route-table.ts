import type { FastifyInstance } from "fastify";
import type { Switch } from "#contracts/switches.ts";
import type { Priority } from "#platform/rpc/call.ts";
import type { GatewayClients } from "../gateway-calls.ts";

type Service = keyof GatewayClients;

/** What a page can do without; the header `douya-missing` names it, and an operator can switch it off. */
export type Part = Extract<
  Switch,
  | "reactions"
  | "views"
  | "likes"
  | "works"
  | "relations"
  | "downloads"
  | "messages"
  | "read"
  | "preview"
  | "first-screen"
>;

/** Who may ask, and by which service's tokens that is known. */
export interface Caller {
  issuer?: Service;
  /** Guests are refused. */
  required?: true;
  /** Others are refused. */
  moderator?: true;
}
const anybody: Caller = {};
const guest: Caller = { issuer: "user" };
const person: Caller = { issuer: "user", required: true };
const moderator: Caller = { issuer: "user", required: true, moderator: true };

/** What the gateway knows of a route before anything is asked for it. */
export interface RoutePolicy {
  caller: Caller;
  /** Without a live instance of each of them there is no answer: it is refused at once. */
  needs: readonly Service[];
  /** What is shed first under overload. */
  priority: Priority;
  /** How long the services have together. */
  timeoutMs: number;
  /** By what operators switch it off. */
  switch?: Switch;
  /** Others see what is said by it: nobody whom moderators have muted may. */
  speaks?: true;
  /** What the answer may lack when a service cannot be asked. */
  without: readonly Part[];
  /** It is answered when something happens, and takes nobody's place meanwhile. */
  waits?: true;
  /** A page of a list, by which all there is could be copied: counted by scraping.ts. */
  isList?: true;
}

function row(caller: Caller, needs: string, more: Partial<RoutePolicy> = {}): RoutePolicy {
  const services = needs.split(" ").filter(Boolean) as Service[];
  return { caller, needs: services, priority: "normal", timeoutMs: 10_000, without: [], ...more };
}

const essential = { priority: "essential" } as const;
const sheddable = { priority: "sheddable" } as const;
const list = { isList: true } as const;
const aPerson: { without: readonly Part[] } = { without: ["likes", "works", "relations"] };
const aVideo: { without: readonly Part[] } = { without: ["reactions", "views", ...aPerson.without] };
/** The time for the probe of a file, after its last byte. */
const aFile = { timeoutMs: 90_000 };
const aPicture = { timeoutMs: 30_000, ...aPerson };
const speaks = { speaks: true } as const;
/** A page of the client is shown without it, so nobody waits longer for it. */
const aPage = { timeoutMs: 1_000, ...essential, without: ["preview", "first-screen", ...aVideo.without] } as {
  without: readonly Part[];
};

/**
 * Every route of the public side: who may ask, which services it needs, and what it may lack. The right to ask, the refusal
 * of what cannot be answered, deadlines, priorities and docs/routes.md follow from it.
 */
const routeTable: Record<string, RoutePolicy> = {
  // Accounts and sessions.
  "POST /api/v1/users": row(anybody, "user", { switch: "registration", ...aPerson }),
  "POST /api/v1/sessions": row(anybody, "user", { ...essential, ...aPerson }),
  "POST /api/v1/sessions/refresh": row(anybody, "user", { ...essential, ...aPerson }),
  "GET /api/v1/sessions": row(person, "user"),
  "DELETE /api/v1/sessions": row(person, "user"),
  "DELETE /api/v1/sessions/current": row(person, "user"),
  "DELETE /api/v1/sessions/:id": row(person, "user"),
  "PUT /api/v1/me/password": row(person, "user"),

  // People.
  "GET /api/v1/me": row(person, "user", { ...essential, ...aPerson }),
  "PATCH /api/v1/me": row(person, "user", { ...speaks, ...aPerson }),
  "DELETE /api/v1/me": row(person, "user"),
  "PUT /api/v1/me/avatar": row(person, "user", { ...speaks, ...aPicture }),
  "DELETE /api/v1/me/avatar": row(person, "user", aPerson),
  "PUT /api/v1/me/background": row(person, "user", { ...speaks, ...aPicture }),
  "DELETE /api/v1/me/background": row(person, "user", aPerson),
  "GET /api/v1/me/videos": row(person, "video user", aVideo),
  "GET /api/v1/me/bookmarks": row(person, "interaction video user", aVideo),
  "GET /api/v1/me/blocks": row(person, "relation user", aPerson),
  // Who connects is known by the first frame.
  "GET /api/v1/realtime": row(anybody, "message user", essential),
  "GET /api/v1/realtime/endpoints": row(anybody, "", essential),
  "GET /api/v1/realtime/entries": row(person, "message user", { waits: true, timeoutMs: 35_000 }),
  "GET /api/v1/presence": row(person, "message", { switch: "messages", ...sheddable }),
  "GET /api/v1/me/presence": row(person, "message", { switch: "messages" }),
  "PUT /api/v1/me/presence": row(person, "message", { switch: "messages" }),
  "GET /api/v1/me/unread": row(person, "message", { switch: "unread", ...sheddable }),
  "GET /api/v1/users/:id": row(guest, "user", aPerson),
  "GET /api/v1/users/:id/videos": row(guest, "video user", { ...list, ...aVideo }),
  "GET /api/v1/users/:id/likes": row(guest, "interaction video user", {
    switch: "liked-videos",
    ...list,
    ...sheddable,
    ...aVideo,
  }),
  "GET /api/v1/users/:id/reposts": row(guest, "interaction video user", {
    switch: "reposts",
    ...list,
    ...sheddable,
    ...aVideo,
  }),
  "GET /api/v1/users/:id/following": row(guest, "relation user", {
    switch: "people-lists",
    ...list,
    ...aPerson,
  }),
  "GET /api/v1/users/:id/followers": row(guest, "relation user", {
    switch: "people-lists",
    ...list,
    ...aPerson,
  }),
  "GET /api/v1/users/:id/friends": row(guest, "relation user", {
    switch: "people-lists",
    ...list,
    ...aPerson,
  }),
  "PUT /api/v1/users/:id/follow": row(person, "relation"),
  "DELETE /api/v1/users/:id/follow": row(person, "relation"),
  "PUT /api/v1/users/:id/block": row(person, "relation"),
  "DELETE /api/v1/users/:id/block": row(person, "relation"),
  "GET /api/v1/hot-users": row(guest, "relation user", {
    switch: "hot-users",
    ...list,
    ...sheddable,
    ...aPerson,
  }),

  // Reports, and what moderators do.
  "POST /api/v1/reports": row(person, "moderation"),
  "POST /api/v1/appeals": row(guest, "moderation user"),
  "GET /api/v1/me/moderation": row(person, "moderation"),
  "GET /api/v1/moderation/queue": row(moderator, "moderation", aVideo),
  "PUT /api/v1/moderation/queue/:kind/:id/claim": row(moderator, "moderation"),
  "DELETE /api/v1/moderation/queue/:kind/:id/claim": row(moderator, "moderation"),
  "POST /api/v1/moderation/acts": row(moderator, "moderation", aPerson),
  "GET /api/v1/moderation/acts": row(moderator, "moderation", aPerson),

  "GET /api/v1/rankings/:ranking": row(guest, "video user", {
    switch: "rankings",
    ...list,
    ...sheddable,
    ...aVideo,
  }),

  // Videos.
  "GET /api/v1/me/storage": row(person, "video"),
  "POST /api/v1/uploads": row(person, "video", { ...speaks, switch: "uploads", ...aFile }),
  "POST /api/v1/uploads/known": row(person, "video", { ...speaks, switch: "uploads" }),
  "POST /api/v1/uploads/known/proof": row(person, "video", { ...speaks, switch: "uploads", ...aFile }),
  "POST /api/v1/uploads/direct": row(person, "video", { ...speaks, switch: "uploads" }),
  "GET /api/v1/uploads/direct/:id": row(person, "video", { switch: "uploads" }),
  "POST /api/v1/uploads/direct/:id/complete": row(person, "video", { switch: "uploads", ...aFile }),
  "DELETE /api/v1/uploads/direct/:id": row(person, "video"),
  "OPTIONS /api/v1/uploads/tus": row(anybody, ""),
  "POST /api/v1/uploads/tus": row(person, "video", { ...speaks, switch: "uploads", ...aFile }),
  "HEAD /api/v1/uploads/tus/:id": row(person, "video", { switch: "uploads", ...aFile }),
  "PATCH /api/v1/uploads/tus/:id": row(person, "video", { switch: "uploads", ...aFile }),
  "DELETE /api/v1/uploads/tus/:id": row(person, "video"),
  "POST /api/v1/uploads/tus/:id": row(person, "video", { switch: "uploads", ...aFile }),
  "POST /api/v1/videos": row(person, "video user", { ...speaks, switch: "uploads", ...aVideo }),
  "GET /api/v1/videos/:id": row(guest, "video user", { ...essential, ...aVideo }),
  "PATCH /api/v1/videos/:id": row(person, "video user", { ...speaks, ...aVideo }),
  "PUT /api/v1/videos/:id/cover": row(person, "video user", { ...speaks, ...aPicture, ...aVideo }),
  "DELETE /api/v1/videos/:id": row(person, "video"),
  "PUT /api/v1/videos/:id/hold": row(moderator, "moderation video"),
  "DELETE /api/v1/videos/:id/hold": row(moderator, "moderation video"),
  "GET /api/v1/feed": row(guest, "feed video user", { ...list, ...essential, ...aVideo }),
  "GET /api/v1/feed/following": row(person, "feed video user", { ...list, ...essential, ...aVideo }),

  // Reactions and comments.
  "PUT /api/v1/videos/:id/like": row(person, "interaction"),
  "DELETE /api/v1/videos/:id/like": row(person, "interaction"),
  "PUT /api/v1/videos/:id/dislike": row(person, "interaction"),
  "DELETE /api/v1/videos/:id/dislike": row(person, "interaction"),
  "PUT /api/v1/videos/:id/bookmark": row(person, "interaction"),
  "DELETE /api/v1/videos/:id/bookmark": row(person, "interaction"),
  "PUT /api/v1/videos/:id/repost": row(person, "interaction", speaks),
  "DELETE /api/v1/videos/:id/repost": row(person, "interaction"),
  "POST /api/v1/videos/:id/shares": row(person, "interaction"),
  "GET /api/v1/shares/:code": row(guest, "interaction video user", aVideo),
  "GET /api/v1/videos/:id/comments": row(guest, "interaction user", {
    switch: "comments",
    ...list,
    ...aPerson,
  }),
  "POST /api/v1/videos/:id/comments": row(person, "interaction user", {
    ...speaks,
    switch: "comments",
    ...aPerson,
  }),
  "GET /api/v1/videos/:id/comments/:commentId": row(guest, "interaction user", {
    switch: "comments",
    ...aPerson,
  }),
  "GET /api/v1/videos/:id/comments/:commentId/replies": row(guest, "interaction user", {
    switch: "comments",
    ...list,
    ...aPerson,
  }),
  "POST /api/v1/videos/:id/comments/:commentId/replies": row(person, "interaction user", {
    ...speaks,
    switch: "comments",
    ...aPerson,
  }),
  "DELETE /api/v1/videos/:id/comments/:commentId": row(person, "interaction"),
  "PUT /api/v1/videos/:id/pinned-comment": row(person, "interaction"),
  "DELETE /api/v1/videos/:id/pinned-comment": row(person, "interaction"),
  "PUT /api/v1/videos/:id/comments-closed": row(person, "interaction"),
  "DELETE /api/v1/videos/:id/comments-closed": row(person, "interaction"),
  "POST /api/v1/videos/:id/comments/:commentId/report": row(person, "moderation interaction"),

  // What is watched.
  "POST /api/v1/playback/sessions": row(guest, "playback video"),
  "POST /api/v1/playback/beacons": row(guest, "playback"),
  "GET /api/v1/history": row(person, "playback video user", { switch: "history", ...aVideo }),
  "DELETE /api/v1/history": row(person, "playback"),
  "DELETE /api/v1/history/:id": row(person, "playback"),
  "PUT /api/v1/history/recording": row(person, "playback"),
  "POST /api/v1/me/export": row(person, "user"),
  "GET /api/v1/me/export": row(person, "user"),
  "GET /api/v1/me/figures": row(person, "playback video user", {
    switch: "figures",
    ...sheddable,
    ...aVideo,
  }),
  "GET /api/v1/videos/:id/figures": row(person, "playback", { switch: "figures", ...sheddable }),

  // Messages.
  "GET /api/v1/conversations": row(person, "message user", { switch: "messages", ...aPerson }),
  "GET /api/v1/conversations/:userId/messages": row(person, "message", {
    switch: "messages",
    ...aPerson,
  }),
  "POST /api/v1/conversations/:userId/messages": row(person, "message", { ...speaks, switch: "messages" }),
  "POST /api/v1/conversations/:userId/pictures": row(person, "message", {
    ...speaks,
    switch: "messages",
    timeoutMs: 30_000,
  }),
  "GET /api/v1/me/messages": row(person, "message user", { switch: "messages", ...sheddable, ...aPerson }),
  "DELETE /api/v1/conversations/:userId/messages/:messageId": row(person, "message", { switch: "messages" }),
  "PUT /api/v1/conversations/:userId/messages/:messageId/recalled": row(person, "message", {
    switch: "messages",
  }),
  "PUT /api/v1/conversations/:userId/messages/:messageId/reactions/:emoji": row(person, "message", {
    ...speaks,
    switch: "messages",
  }),
  "DELETE /api/v1/conversations/:userId/messages/:messageId/reactions/:emoji": row(person, "message", {
    switch: "messages",
  }),
  "GET /api/v1/conversations/:userId/messages/:messageId/reactions": row(person, "message user", {
    switch: "messages",
    ...aPerson,
  }),
  "POST /api/v1/conversations/:userId/messages/:messageId/report": row(person, "moderation message", {
    switch: "messages",
  }),
  "PUT /api/v1/conversations/:userId/read": row(person, "message", { switch: "messages" }),
  "PUT /api/v1/conversations/:userId/mute": row(person, "message", { switch: "messages" }),
  "DELETE /api/v1/conversations/:userId/mute": row(person, "message", { switch: "messages" }),

  // Groups.
  "POST /api/v1/groups": row(person, "message user", { ...speaks, switch: "messages", ...aPerson }),
  "GET /api/v1/groups/:id": row(person, "message user", { switch: "messages", ...aPerson }),
  "PATCH /api/v1/groups/:id": row(person, "message user", { ...speaks, switch: "messages", ...aPerson }),
  "GET /api/v1/groups/:id/members": row(person, "message user", { switch: "messages", ...aPerson }),
  "POST /api/v1/groups/:id/members": row(person, "message user", {
    ...speaks,
    switch: "messages",
    ...aPerson,
  }),
  "DELETE /api/v1/groups/:id/members/:userId": row(person, "message", { switch: "messages" }),
  "PUT /api/v1/groups/:id/members/:userId/role": row(person, "message", { switch: "messages" }),
  "PUT /api/v1/groups/:id/members/:userId/mute": row(person, "message", { switch: "messages" }),
  "GET /api/v1/groups/:id/invitations": row(person, "message user", { switch: "messages", ...aPerson }),
  "DELETE /api/v1/groups/:id/invitations/:userId": row(person, "message", { switch: "messages" }),
  "GET /api/v1/groups/:id/link": row(person, "message user", { switch: "messages", ...aPerson }),
  "PUT /api/v1/groups/:id/link": row(person, "message user", { switch: "messages", ...aPerson }),
  "DELETE /api/v1/groups/:id/link": row(person, "message", { switch: "messages" }),
  "GET /api/v1/group-links/:code": row(guest, "message user", { switch: "messages", ...aPerson }),
  "POST /api/v1/group-links/:code/join": row(person, "message user", { switch: "messages", ...aPerson }),
  "GET /api/v1/me/group-invitations": row(person, "message user", { switch: "messages", ...aPerson }),
  "PUT /api/v1/me/group-invitations/:id": row(person, "message", { switch: "messages" }),
  "DELETE /api/v1/me/group-invitations/:id": row(person, "message", { switch: "messages" }),

  // Notifications.
  "GET /api/v1/notifications": row(person, "message user video", { switch: "notifications", ...aPerson }),
  "PUT /api/v1/notifications/seen": row(person, "message", { switch: "notifications" }),
  "GET /api/v1/notifications/settings": row(person, "message", { switch: "notifications" }),
  "PUT /api/v1/notifications/settings": row(person, "message", { switch: "notifications" }),
  "GET /api/v1/push/key": row(person, "message", { switch: "notifications" }),
  "PUT /api/v1/push/subscriptions": row(person, "message", { switch: "notifications" }),
  "DELETE /api/v1/push/subscriptions": row(person, "message"),

  // The classic API.
  "POST /douyin/user/register": row(anybody, "user", { switch: "registration" }),
  "POST /douyin/user/login": row(anybody, "user", essential),
  "GET /douyin/user": row(person, "user", aPerson),
  "GET /douyin/feed": row(guest, "feed video user", { ...list, ...essential, ...aVideo }),
  "POST /douyin/publish/action": row(person, "video", { ...speaks, switch: "uploads", ...aFile }),
  "GET /douyin/publish/list": row(guest, "video user", { ...list, ...aVideo }),
  "POST /douyin/favorite/action": row(person, "interaction"),
  "GET /douyin/favorite/list": row(guest, "interaction video user", {
    switch: "liked-videos",
    ...list,
    ...sheddable,
    ...aVideo,
  }),
  "POST /douyin/comment/action": row(person, "interaction user", {
    ...speaks,
    switch: "comments",
    ...aPerson,
  }),
  "GET /douyin/comment/list": row(guest, "interaction user", { switch: "comments", ...list, ...aPerson }),
  "POST /douyin/relation/action": row(person, "relation"),
  "GET /douyin/relation/follow/list": row(person, "relation user", {
    switch: "people-lists",
    ...list,
    ...aPerson,
  }),
  "GET /douyin/relation/follower/list": row(person, "relation user", {
    switch: "people-lists",
    ...list,
    ...aPerson,
  }),
  "GET /douyin/relation/friend/list": row(person, "relation user", {
    switch: "people-lists",
    ...list,
    without: ["messages", ...aPerson.without],
  }),
  "POST /douyin/message/action": row(person, "message", { ...speaks, switch: "messages" }),
  "GET /douyin/message/chat": row(person, "message", { switch: "messages", without: ["read"] }),

  // Films and pages; they are shown whatever is missing, films as long as it is known that they are public.
  "GET /media/:namespace/:file": row(anybody, "", essential),
  "GET /media/film/:mark/:namespace/:file": row(anybody, "", essential),
  "OPTIONS /media/:namespace/:file": row(anybody, "", essential),
  "GET /media/download/:videoId": row(anybody, "video", { ...essential, without: ["downloads"] }),
  "GET /media/export/:file": row(anybody, "user"),
  "GET /media/default/:kind/:file": row(anybody, "", essential),
  "GET /media/hls/:videoId/:playlist": row(anybody, "video", essential),
  "GET /": row(anybody, "", aPage),
  "GET /video/:id": row(anybody, "", aPage),
  "GET /s/:code": row(anybody, "", aPage),
  "GET /user/:id": row(anybody, "", aPage),
  "GET /user/:id/following": row(anybody, "", aPage),
  "GET /user/:id/followers": row(anybody, "", aPage),
  "GET /user/:id/friends": row(anybody, "", aPage),
};

/** Documents, the other pages and the files of the client ask no service. */
export const filePolicy = row(anybody, "", essential);
/** Where every route has a row of its own. */
const declaredOnly = ["/douyin/", "/media/"];

declare module "fastify" {
  interface FastifyContextConfig {
    policy?: RoutePolicy;
  }
}

/** The policy of a route; undefined for one that must have a row and has none. */
export function policyOf(method: string, url: string): RoutePolicy | undefined {
  // A page has the row of its GET for HEAD too.
  const own = routeTable[`${method} ${url}`] ?? (method === "HEAD" ? routeTable[`GET ${url}`] : undefined);
  const document = /^\/api\/v1\/(docs|(openapi|asyncapi)\.json$)/.test(url);
  const mustHaveOwn =
    declaredOnly.some((start) => url.startsWith(start)) || (url.startsWith("/api/") && !document);
  return own ?? (mustHaveOwn ? undefined : filePolicy);
}

/** Gives each route that is added from now on its row of the table. */
export function applyRouteTable(app: FastifyInstance): void {
  app.addHook("onRoute", (route) => {
    const [method] = [route.method].flat();
    const policy = policyOf(method!, route.url);
    if (!policy) throw new Error(`${method} ${route.url} has no row in modules/gateway/edge/route-table.ts`);
    route.config = { ...route.config, policy };
  });
}

/** `docs/routes.md`, which `npm run generate` writes. */
export function routesDocument(): string {
  const rows = Object.entries(routeTable).map(([route, policy]) => {
    const { caller, needs, priority, timeoutMs, without, isList } = policy;
    const switchName = policy.switch ?? "";
    const who = caller.moderator
      ? "moderator"
      : caller.required
        ? "person"
        : caller.issuer
          ? "guest, person"
          : "anybody";
    const token = caller.issuer ?? "";
    return `| \`${route}\` | ${who} | ${token} | ${needs.join(", ")} | ${priority} | ${timeoutMs / 1000} | ${switchName} | ${without.join(", ")} | ${isList ? "yes" : ""} |`;
  });
  return `# Routes

Made by \`npm run generate\` from \`modules/gateway/edge/route-table.ts\`. A route is refused with \`<SERVICE>_UNAVAILABLE\` at once when a service that it needs has no live instance; what it may lack is left out, and the header \`douya-missing\` names it. An operator can switch off what stands under "switch" and "may lack" (\`DOUYA_SWITCHED_OFF\`). Under overload the sheddable routes are refused first, then normal ones; \`essential\` comes last. Pages of lists are counted, so that nobody copies everything. A HEAD is a GET. Everything else, documents and files of the web client, is for anybody and asks no service.

| route | who may ask | token by | services | priority | seconds | switch | may lack | list |
|---|---|---|---|---|---|---|---|---|
${rows.join("\n")}
`;
}
