import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { LinkPreview } from "./link-preview.ts";
import { sendProblem } from "./problem.ts";

const policy = [
  "default-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const fileHeaders = { "x-content-type-options": "nosniff", vary: "accept-encoding" };
const hashedHeaders = { ...fileHeaders, "cache-control": "public, max-age=31536000, immutable" };
const namedHeaders = { ...fileHeaders, "cache-control": "no-cache" };
const pageHeaders = {
  ...namedHeaders,
  "content-security-policy": policy,
  "referrer-policy": "same-origin",
};

/** What a link's preview says better. */
const generalTags = /<title>.*<\/title>\s*<meta name="description"[^>]*>/;

/** The web client: hashed assets for ever, and its one page for every other path, since it routes itself. */
export async function webClient(app: FastifyInstance, dir: string, preview: LinkPreview): Promise<void> {
  if (!existsSync(dir)) return;
  const page = await readFile(join(dir, "index.html"), "utf8");
  await app.register(fastifyStatic, {
    root: dir,
    preCompressed: true,
    // A route for each file: one for everything would take unknown paths away from the API's own answers.
    wildcard: false,
    cacheControl: false,
    setHeaders(response, path) {
      // Below `dir`, since folders above it may be called anything.
      const file = relative(dir, path);
      const named = file.startsWith("index.html") ? pageHeaders : namedHeaders;
      const headers = file.startsWith("assets/") ? hashedHeaders : named;
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    },
  });
  // Whoever makes previews runs no script, and seldom asks for HTML in so many words.
  app.get<{ Params: { id: string } }>("/video/:id", async (request, reply) => {
    const tags = await preview(request.params.id, request);
    if (!tags) return reply.sendFile("index.html");
    // By a function, since in a text `$&` would mean something.
    const html = page.replace(generalTags, () => tags);
    return reply.headers(pageHeaders).type("text/html; charset=utf-8").send(html);
  });
  app.setNotFoundHandler((request, reply) => {
    const wantsPage =
      request.headers.accept?.includes("text/html") && ["GET", "HEAD"].includes(request.method);
    const notFound = new DomainError("not-found", "NOT_FOUND", "There is nothing here.");
    return wantsPage ? reply.sendFile("index.html") : sendProblem(notFound, request, reply);
  });
}
