import type { FastifyInstance } from "fastify";
import { methodNotAllowed } from "./refusals.ts";

interface KnownPath {
  /** Path segments; one that begins with a colon matches anything. */
  parts: string[];
  methods: Set<string>;
}

/**
 * If a path exists with other methods, answers 405 with these methods instead of "not found", and OPTIONS with the
 * methods alone.
 */
export function tellAllowedMethods(app: FastifyInstance): void {
  const known = new Map<string, KnownPath>();
  app.addHook("onRoute", ({ url, method }) => {
    const path = known.get(url) ?? { parts: partsOf(url), methods: new Set() };
    known.set(url, path);
    for (const one of [method].flat()) path.methods.add(one);
  });
  app.addHook("onRequest", (request, reply, done) => {
    if (!request.is404) return done();
    const asked = partsOf(request.raw.url!.split("?", 1)[0]!);
    const found = [...known.values()].filter(({ parts }) => matches(parts, asked));
    if (found.length === 0) return done();
    const methods = new Set(["OPTIONS", ...found.flatMap((path) => [...path.methods])]);
    const allowed = [...methods].sort();
    // A route that forwards its requests as not found.
    if (methods.has(request.method) && request.method !== "OPTIONS") return done();
    reply.header("allow", allowed.join(", "));
    if (request.method === "OPTIONS") return void reply.code(204).send();
    done(methodNotAllowed(request.method, allowed));
  });
}

function partsOf(path: string): string[] {
  return path.replace(/\/$/, "").split("/");
}

function matches(parts: string[], asked: string[]): boolean {
  const open = parts.at(-1) === "*";
  if (open ? asked.length < parts.length : asked.length !== parts.length) return false;
  return parts.every(
    (part, i) => part === asked[i] || part === "*" || (part.startsWith(":") && asked[i] !== ""),
  );
}
