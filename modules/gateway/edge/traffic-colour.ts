import type { FastifyInstance, FastifyRequest } from "fastify";

/** Who may give their requests a colour, by its name. */
type Colours = ReadonlyMap<string, "moderators" | "everybody">;

declare module "fastify" {
  interface FastifyRequest {
    /** The colour that the request asks for, and whether everybody may. */
    colour?: { name: string; open: boolean };
  }
}

const header = "x-douya-colour";

/** Reads the header `x-douya-colour`; the answer carries it if it was followed. A colour that is not known is none. */
export function readColours(app: FastifyInstance, colours: () => Colours): void {
  app.addHook("onRequest", (request, _reply, done) => {
    const name = request.headers[header];
    const who = typeof name === "string" ? colours().get(name) : undefined;
    if (who) request.colour = { name: String(name), open: who === "everybody" };
    done();
  });
  app.addHook("onSend", (request, reply, _payload, done) => {
    const colour = colourIn(request);
    if (colour) reply.header(header, colour);
    done();
  });
}

/** The colour of a request, once it is known who sends it. */
export function colourIn({ colour, identity }: FastifyRequest): string | undefined {
  return colour && (colour.open || identity?.moderator) ? colour.name : undefined;
}
