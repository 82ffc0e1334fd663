import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import { sendProblem } from "../edge/problem.ts";
import type { FirstScreen } from "./first-screen.ts";
import type { LinkPreview } from "./link-preview.ts";

/** Other origins that pages use: for public files, for uploads past us, and for what reaches people while it happens. */
interface Others {
  media?: string;
  uploads?: string;
  realtime?: string[];
}

function policyWith({ media, uploads, realtime = [] }: Others): string {
  const from = (...sources: (string | undefined)[]) => sources.filter(Boolean).join(" ");
  return [
    "default-src 'self'",
    from("img-src 'self' data: blob:", media),
    from("media-src 'self' blob:", media),
    from("connect-src 'self'", media, uploads, ...realtime),
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

const fileHeaders = { "x-content-type-options": "nosniff", vary: "accept-encoding" };
const hashedHeaders = { ...fileHeaders, "cache-control": "public, max-age=31536000, immutable" };
const namedHeaders = { ...fileHeaders, "cache-control": "no-cache" };
/** Inline scripts and styles are named by their hash: the policy allows no others. */
function hashesOf(html: string, element: "script" | "style"): string {
  const texts = html.split(`<${element}>`).slice(1);
  return texts
    .map((text) => createHash("sha256").update(text.slice(0, text.indexOf(`</${element}>`))))
    .map((hash) => ` 'sha256-${hash.digest("base64")}'`)
    .join("");
}

/** `policy` is that of all of the client's pages, `body` is what the server inserts. */
function pageHeadersOf(policy: string, body: string) {
  const styles = hashesOf(body, "style");
  return {
    ...namedHeaders,
    "content-security-policy": `${policy}; style-src 'self'${styles}`,
    "referrer-policy": "same-origin",
  };
}

/** Tags that the preview of a link replaces. */
const generalTags = /<title>.*<\/title>\s*<meta name="description"[^>]*>/;
/** The element that the client renders into. */
const root = '<div id="root"></div>';

/** For so long a page that a shared link has opened can tell. */
const sharedS = 60;

/** The client's pages, except those with a preview or a first screen. */
const pages = [
  "/hot",
  "/history",
  "/figures",
  "/figures/:id",
  "/messages",
  "/messages/:id",
  "/messages/group/:id",
  "/g/:code",
  "/notifications",
  "/login",
  "/register",
  "/settings",
  "/moderation",
  "/moderation/mine",
  "/upload",
  "/me",
];

interface ById {
  Params: { id: string };
}

/** The web client: hashed assets, cached forever, and one page for all of its paths, since it routes itself. */
export async function webClient(
  app: FastifyInstance,
  dir: string,
  preview: LinkPreview,
  first: FirstScreen,
  others: Others = {},
): Promise<void> {
  if (!existsSync(dir)) return;
  const page = await readFile(join(dir, "index.html"), "utf8");
  const policy = `${policyWith(others)}; script-src 'self'${hashesOf(page, "script")}`;
  await app.register(fastifyStatic, {
    root: dir,
    preCompressed: true,
    // One route for each file: a catch-all would take unknown paths away from the API's own answers.
    wildcard: false,
    cacheControl: false,
    index: false,
    // Compressed files are answers to requests for the files themselves.
    globIgnore: ["index.html*", "**/*.{br,gz}"],
    setHeaders(response, path) {
      // Relative to `dir`, since the folders above it may have any name.
      const headers = relative(dir, path).startsWith("assets/") ? hashedHeaders : namedHeaders;
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    },
  });
  /** Null tags: the page is of something that does not exist; the client says so in its own words. */
  function sendPage(reply: FastifyReply, tags?: string | null, body = "") {
    if (tags === null) reply.code(404);
    // By functions, since `$&` in a text would be special.
    const html = page
      .replace(generalTags, (general) => tags ?? general)
      .replace(root, (element) => `${body}${element}`);
    return reply.headers(pageHeadersOf(policy, body)).type("text/html; charset=utf-8").send(html);
  }
  // Preview makers run no script and seldom ask for HTML explicitly.
  app.get("/", async (request, reply) => sendPage(reply, preview.site(request), await first.feed(request)));
  app.get<ById & { Querystring: { picture?: unknown } }>("/video/:id", async (request, reply) => {
    const { id } = request.params;
    const picture = Number(request.query.picture) || 0;
    const [tags, body] = await Promise.all([preview.video(id, request, picture), first.video(id, request)]);
    return sendPage(reply, tags, body);
  });
  app.get<{ Params: { code: string } }>("/s/:code", async (request, reply) => {
    const shared = await preview.shared(request.params.code, request);
    const tags = shared && (await preview.video(shared.videoId, request));
    // Who is logged in may see more than guests: the client asks for them.
    if (!shared || !tags) return sendPage(reply, shared === undefined ? undefined : null);
    const at = shared.picture > 0 ? `?picture=${shared.picture}` : "";
    const path = `/video/${shared.videoId}`;
    // The page tells with what is watched there that a shared link led to it.
    const cookie = `douya-shared=1; Path=${path}; Max-Age=${sharedS}; SameSite=Lax`;
    return reply.headers({ "cache-control": "no-store", "set-cookie": cookie }).redirect(`${path}${at}`, 302);
  });
  for (const path of ["/user/:id", "/user/:id/following", "/user/:id/followers", "/user/:id/friends"])
    app.get<ById>(path, async (request, reply) =>
      sendPage(reply, await preview.user(request.params.id, request)),
    );
  for (const path of pages) app.get(path, async (request, reply) => sendPage(reply, preview.site(request)));
  // Requested by clients that read no page.
  app.get("/favicon.ico", (_request, reply) => reply.sendFile("icon-192.png"));
  app.setNotFoundHandler((request, reply) => {
    const wantsPage =
      request.headers.accept?.includes("text/html") && ["GET", "HEAD"].includes(request.method);
    if (wantsPage) return sendPage(reply, null);
    const notFound = refusal("NOT_FOUND");
    return sendProblem(notFound, request, reply);
  });
}
