import type { FastifyInstance } from "fastify";

/** What every answer says that says nothing else itself. */
const usual = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // An answer that is no page shows nothing, runs nothing, and is framed by nobody.
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

/** Adds them to every answer, below what its route has set. */
export function addResponseHeaders(app: FastifyInstance, headers: Record<string, string>): void {
  const entries = Object.entries(headers);
  app.addHook("onSend", (_request, reply, _payload, done) => {
    // Files that are served as they are have theirs set on the raw answer.
    for (const [name, value] of entries)
      if (!reply.hasHeader(name) && !reply.raw.hasHeader(name)) reply.header(name, value);
    done();
  });
}
