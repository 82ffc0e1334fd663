import fastify from "fastify";
import Type from "typebox";
import { expect, test } from "vitest";
import { toRefusal } from "./problem.ts";

const app = fastify({ ajv: { customOptions: { coerceTypes: "array" } } });
app.setErrorHandler((error, request, reply) => reply.code(422).send(toRefusal(error, request).message));
const choices = Type.Union([Type.Literal("spam"), Type.Literal("rude")]);
const properties = { role: Type.Enum(["member", "admin"]), reason: choices, count: Type.Integer() };
app.post("/", { schema: { body: Type.Partial(Type.Object(properties)) } }, async () => "done");

test.each([
  [{ reason: "dull" }, "reason: must be one of spam, rude."],
  [{ role: "king" }, "role: must be one of member, admin."],
  [{ count: "many" }, "count: must be integer."],
])("%j is refused with what it may be", async (payload, says) => {
  const answer = await app.inject({ method: "POST", url: "/", payload });
  expect([answer.statusCode, answer.payload]).toEqual([422, says]);
});
