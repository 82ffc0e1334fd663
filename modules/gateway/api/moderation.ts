import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import type { ActRequest, Done } from "#contracts/gen/moderation_pb.ts";
import { acts, moderationReasons, subjectKinds } from "#contracts/moderation-names.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf, type PublicCall } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toAct, toOwn } from "./moderation-acts.ts";
import { toQueueEntries } from "./moderation-queue.ts";
import { Act, named, OwnAct, QueueEntry, Subject, Until } from "./moderation-schemas.ts";
import { peopleById } from "./people-by-id.ts";
import { answers, Id, NoContent, PageQuery } from "./schemas.ts";

const words = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ maxLength: maxLength * 8, description }));
const SubjectParams = Type.Object({ kind: named(subjectKinds), id: Id });
const pageOfThese = (items: ReturnType<typeof Type.Object>) =>
  Type.Object({ items: Type.Array(items), nextCursor: Type.Union([Type.String(), Type.Null()]) });

/** Reports of anything, the moderators' queue, what they do, and what those whom it concerns learn and say. */
export function moderationRoutes(context: GatewayContext): FastifyPluginAsyncTypebox {
  const { moderation, composer, urlsFor } = context;

  return async (app) => {
    app.post(
      "/reports",
      {
        schema: {
          summary:
            "Report something of somebody else to the moderators; the first report of a person about a thing stands",
          description:
            "Of a message, moderators see up to five before and after it, as the caller sees them now, until one of them has judged it, for 90 days at most, and nothing else of the conversation.",
          tags: ["moderation"],
          body: Type.Object({
            subject: Type.Object({
              ...Subject.properties,
              conversationId: Type.Optional(
                Type.String({
                  ...Id,
                  description: "Of a message, if it is known: the other person, or the group.",
                }),
              ),
            }),
            reason: named(moderationReasons),
            text: words(200, "At most 200 characters, without line breaks."),
          }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { subject, reason, text = "" } = request.body;
        const { kind, id, conversationId: peerId = "" } = subject;
        await moderation.report({ subject: { kind, id }, reason, text, peerId }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/moderation/queue",
      {
        schema: {
          summary: "For moderators: what was reported, or appealed, and waits",
          tags: ["moderation"],
          querystring: Type.Object({
            ...PageQuery.properties,
            kind: Type.Optional(named(subjectKinds)),
            sort: Type.Optional(
              named(["age", "weight"] as const, "What waits longest first, or what weighs most."),
            ),
          }),
          response: answers({ 200: pageOfThese(QueueEntry) }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { kind = "", sort, cursor = "", limit } = request.query;
        const { items, next } = await moderation.listQueue(
          { kind, byWeight: sort === "weight", cursor, limit },
          call,
        );
        return { items: await toQueueEntries(context, items, request, call), nextCursor: next || null };
      },
    );
    for (const [method, release, summary] of [
      ["PUT", false, "For moderators: look at something; for ten minutes it is nobody else's"],
      ["DELETE", true, "For moderators: leave it to others"],
    ] as const)
      app.route({
        method,
        url: "/moderation/queue/:kind/:id/claim",
        schema: {
          summary,
          tags: ["moderation"],
          params: SubjectParams,
          response: answers({ 204: NoContent }),
        },
        handler: async (request, reply) => {
          await moderation.claim(
            { subject: request.params as { kind: string; id: string }, release },
            callOf(request),
          );
          return reply.code(204).send(null);
        },
      });
    app.post(
      "/moderation/acts",
      {
        schema: {
          summary: "For moderators: do something about one thing, or about up to 100 at once, all or none",
          tags: ["moderation"],
          body: Type.Object({
            act: named(acts),
            subject: Type.Optional(Subject),
            subjects: Type.Optional(Type.Array(Subject, { minItems: 1, maxItems: 100 })),
            reason: Type.Optional(named(moderationReasons)),
            note: words(1_000, "For colleagues."),
            text: words(1_000, "For the one whom it concerns."),
            until: Type.Optional(Until),
            batchId: Type.Optional(Type.String({ pattern: "^[\\w-]{1,64}$" })),
          }),
          response: answers({
            200: Type.Object({
              acts: Type.Array(Act),
              batchId: Type.String(),
              enforced: Type.Boolean({
                description:
                  "Whether it holds everywhere by now; otherwise it will, as soon as all services are there.",
              }),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const {
          act,
          subject,
          subjects = [],
          reason = "",
          note = "",
          text = "",
          until,
          batchId = "",
        } = request.body;
        const asked = {
          ...{ act, subjects: subject ? [subject, ...subjects] : subjects, reason, note, text, batchId },
          untilMs: until ? Date.parse(until) : 0,
        };
        const done = await moderation.act(asked as Omit<ActRequest, "$typeName" | "subjects">, call);
        const people = await peopleOf(done.acts, request, call);
        return {
          acts: done.acts.map((one) => toAct(one, people)),
          batchId: done.batchId,
          enforced: done.enforced,
        };
      },
    );
    app.get(
      "/moderation/acts",
      {
        schema: {
          summary:
            "For moderators: what was done, by whom and why, the latest first; nothing of it ever changes",
          tags: ["moderation"],
          querystring: Type.Object({
            ...PageQuery.properties,
            kind: Type.Optional(named(subjectKinds)),
            id: Type.Optional(Id),
            ownerId: Type.Optional(Id),
            actorId: Type.Optional(Id),
            act: Type.Optional(named(acts)),
            q: Type.Optional(Type.String({ maxLength: 100, description: "Within reason, note or text." })),
          }),
          response: answers({ 200: pageOfThese(Act) }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { kind, id, ownerId = "", actorId = "", act = "", q = "", cursor = "", limit } = request.query;
        const subject = kind && id ? { subject: { kind, id } } : {};
        const { acts: found, next } = await moderation.listActs(
          { ...subject, ownerId, actorId, act, words: q, cursor, limit },
          call,
        );
        const people = await peopleOf(found, request, call);
        return { items: found.map((one) => toAct(one, people)), nextCursor: next || null };
      },
    );
    app.get(
      "/me/moderation",
      {
        schema: {
          summary:
            "What the moderation team has decided about the caller and what is theirs, the latest first",
          tags: ["moderation"],
          querystring: PageQuery,
          response: answers({ 200: pageOfThese(OwnAct) }),
        },
      },
      async (request) => {
        const { cursor = "", limit } = request.query;
        const { acts: found, next } = await moderation.listOwnActs({ cursor, limit }, callOf(request));
        return {
          items: found.map((one) => ({
            ...toOwn(one),
            appealable: one.appealable,
            appeal: one.appeal || null,
          })),
          nextCursor: next || null,
        };
      },
    );
    app.post(
      "/appeals",
      {
        schema: {
          summary: "Ask for another look at what the moderation team has decided, once",
          description:
            "Who is suspended cannot log in: they send `username` and `password`, and it is about what suspended them.",
          tags: ["moderation"],
          body: Type.Object({
            actId: Type.Optional(Id),
            text: Type.String({ minLength: 1, maxLength: 8_000 }),
            username: Type.Optional(Type.String()),
            password: Type.Optional(Type.String()),
          }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { actId = "", text, username, password } = request.body;
        const call = callOf(request);
        if (username === undefined || password === undefined) {
          if (actId === "")
            throw refusal("INVALID_ARGUMENT", "actId: of what the moderation team has decided.");
          await moderation.appeal({ actId, text }, call);
        } else {
          const userAgent = request.headers["user-agent"] ?? "";
          const who = { username, password, userAgent, address: request.ip };
          const { userId } = await context.user.proveSuspended(who, call);
          await moderation.appeal({ text }, { ...call, callerId: userId });
        }
        return reply.code(204).send(null);
      },
    );
  };

  function peopleOf(done: Done[], request: FastifyRequest, call: PublicCall) {
    const ids = done.flatMap((one) => [one.actorId, one.ownerId]).filter((id) => id !== "0");
    return peopleById(composer, [...new Set(ids)], urlsFor(request), call);
  }
}
