import fastify from "fastify";
import { expect, test } from "vitest";
import { colourOf } from "#platform/observe/trace-context.ts";
import { callOf } from "./request-call.ts";
import { readColours } from "./traffic-colour.ts";

function edge(colours: Record<string, "moderators" | "everybody">) {
  const app = fastify();
  readColours(app, () => new Map(Object.entries(colours)));
  app.addHook("preHandler", async (request) => {
    const { who } = request.headers;
    if (who) request.identity = { userId: "1", moderator: who === "moderator" } as never;
  });
  app.get("/", async (request) => colourOf(callOf(request).traceId) ?? "none");
  return async (headers: Record<string, string | string[]>) => {
    const answer = await app.inject({ url: "/", headers });
    return [answer.body, answer.headers["x-douya-colour"]];
  };
}

test("the calls of a request have the colour that it asks for, if its sender may", async () => {
  const ask = edge({ canary: "moderators", preview: "everybody" });
  expect(await ask({})).toEqual(["none", undefined]);
  expect(await ask({ "x-douya-colour": "preview" })).toEqual(["preview", "preview"]);
  for (const who of ["", "person"])
    expect(await ask({ "x-douya-colour": "canary", who })).toEqual(["none", undefined]);
  expect(await ask({ "x-douya-colour": "canary", who: "moderator" })).toEqual(["canary", "canary"]);
});

test.each([
  "",
  "Preview",
  "preview,canary",
  "__proto__",
  "constructor",
  "a~b",
  "../..",
  "x".repeat(8_000),
])("a colour that nobody has declared is none: %.20j", async (colour) => {
  const ask = edge({ preview: "everybody" });
  expect(await ask({ "x-douya-colour": colour, who: "moderator" })).toEqual(["none", undefined]);
});

test("where none are declared, the header says nothing", async () => {
  expect(await edge({})({ "x-douya-colour": "preview" })).toEqual(["none", undefined]);
});
