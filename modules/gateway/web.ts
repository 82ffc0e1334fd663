import { existsSync } from "node:fs";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { DomainError } from "#platform/errors/domain-error.ts";
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

/** The web client: hashed assets for ever, and its one page for every other path, since it routes itself. */
export async function webClient(app: FastifyInstance, dir: string): Promise<void> {
  if (!existsSync(dir)) return;
  await app.register(fastifyStatic, {
    root: dir,
    preCompressed: true,
    // A route for each file: one for everything would take unknown paths away from the API's own answers.
    wildcard: false,
    cacheControl: false,
    setHeaders(response, path) {
      const hashed = path.includes("/assets/");
      response.setHeader("cache-control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
      if (path.includes("index.html")) {
        response.setHeader("content-security-policy", policy);
        response.setHeader("referrer-policy", "same-origin");
      }
      response.setHeader("x-content-type-options", "nosniff");
      response.setHeader("vary", "accept-encoding");
    },
  });
  app.setNotFoundHandler((request, reply) => {
    const wantsPage =
      request.headers.accept?.includes("text/html") && ["GET", "HEAD"].includes(request.method);
    const notFound = new DomainError("not-found", "NOT_FOUND", "There is nothing here.");
    return wantsPage ? reply.sendFile("index.html") : sendProblem(notFound, request, reply);
  });
}
