import type { FastifyInstance } from "fastify";

/** Default headers of every answer. */
const usual = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // An answer that is not a page shows nothing, runs nothing, and cannot be framed.
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
} as const;

const yearS = 31_536_000;

export function responseHeaders(publicUrl: string): Record<string, string> {
  return publicUrl.startsWith("https:")
    ? { ...usual, "strict-transport-security": `max-age=${yearS}` }
    : usual;
}

/** Adds them to every answer; headers that a route has set win. */
export function addResponseHeaders(app: FastifyInstance, headers: Record<string, string>): void {
  const entries = Object.entries(headers);
  app.addHook("onSend", (_request, reply, _payload, done) => {
    // Static files have their headers set on the raw answer.
    for (const [name, value] of entries)
      if (!reply.hasHeader(name) && !reply.raw.hasHeader(name)) reply.header(name, value);
    done();
  });
}
