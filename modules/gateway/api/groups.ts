import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { type Group, type GroupLink, GroupRole, type GroupWithAdded } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { originOf } from "../media/media-urls.ts";
import { peopleById } from "./people-by-id.ts";
import { roleNames, toApiGroup, toApiUser, toTime } from "./present.ts";
import { answers, Id, IdParams, NoContent, nullable, PageQuery, pageOf, RoleName } from "./schemas.ts";

/** A group has at most as many, and one more is refused by name. */
const maxIds = 1_000;
const UserIds = Type.Array(Id, { maxItems: maxIds });
const MemberParams = Type.Object({ id: Id, userId: Id });
const CodeParams = Type.Object({ code: Type.String({ maxLength: 64 }) });
const rolesByName = { member: GroupRole.MEMBER, admin: GroupRole.ADMIN, owner: GroupRole.OWNER };
const nameRule = "One line of 1 to 40 characters.";
const bringing =
  "Friends of the caller, who follow each other, are in it at once. Others are invited and decide themselves: 20 in one " +
  "request, 3 times the same person and 200 people within 30 days, without those who accepted; then an invitation ends. " +
  "Who blocks the caller, or is blocked, is left out.";

const Brought = Type.Object({
  group: Type.Ref("Group"),
  added: Type.Array(Id),
  invited: Type.Array(Id),
  notAdded: Type.Array(Type.Object({ userId: Id, reason: Type.String() })),
});

/** Groups of up to 1,000 people; what is said in them is in messages.ts. */
export function groupRoutes(context: GatewayContext): FastifyPluginAsyncTypebox {
  const { message, composer, urlsFor, publicUrl } = context;

  async function toGroup(group: Group | undefined, request: FastifyRequest) {
    const people = await peopleById(composer, group!.faceIds, urlsFor(request), callOf(request));
    return toApiGroup(group!, people);
  }
  async function toBrought(
    { group, addedIds, invitedIds, notAdded }: GroupWithAdded,
    request: FastifyRequest,
  ) {
    const left = notAdded.map(({ userId, reason }) => ({ userId, reason }));
    return { group: await toGroup(group, request), added: addedIds, invited: invitedIds, notAdded: left };
  }
  async function toLink(link: GroupLink, request: FastifyRequest) {
    const { code, uses, maxUses, expiresAtMs, makerId } = link;
    const url = `${originOf(request, publicUrl)}/g/${code}`;
    const ids = makerId ? [makerId] : [];
    const people = await peopleById(composer, ids, urlsFor(request), callOf(request));
    return { code, url, uses, maxUses, expiresAt: toTime(expiresAtMs), maker: people.get(makerId) ?? null };
  }

  return async (app) => {
    app.post(
      "/groups",
      {
        schema: {
          summary: "Make a group, which one then owns",
          description: bringing,
          tags: ["groups"],
          body: Type.Object({
            name: Type.String({ maxLength: 320, description: nameRule }),
            userIds: Type.Optional(UserIds),
            idempotencyKey: Type.Optional(
              Type.String({
                maxLength: 64,
                description:
                  "One's own name for the request: sent again with the same key, it is the same group.",
              }),
            ),
          }),
          response: answers({ 201: Brought }),
        },
      },
      async (request, reply) => {
        const { name, userIds: memberIds = [], idempotencyKey = "" } = request.body;
        const made = await message.createGroup({ name, memberIds, idempotencyKey }, callOf(request));
        return reply.code(201).send(await toBrought(made, request));
      },
    );
    app.get(
      "/groups/:id",
      {
        schema: {
          summary: "A group that one is in",
          tags: ["groups"],
          params: IdParams,
          response: answers({ 200: Type.Ref("Group") }),
        },
      },
      async (request) => {
        const { groups } = await message.getGroups({ ids: [request.params.id] }, callOf(request));
        if (!groups[0]) throw refusal("NOT_IN_GROUP");
        return toGroup(groups[0], request);
      },
    );
    app.patch(
      "/groups/:id",
      {
        schema: {
          summary: "Change a group, as its owner or an admin",
          tags: ["groups"],
          params: IdParams,
          body: Type.Object({
            name: Type.Optional(Type.String({ maxLength: 320, description: nameRule })),
            announcement: Type.Optional(
              Type.String({ maxLength: 4_000, description: "Up to 500 characters and 20 line breaks." }),
            ),
            showsLatest: Type.Optional(Type.Boolean()),
          }),
          response: answers({ 200: Type.Ref("Group") }),
        },
      },
      async (request) =>
        toGroup(
          await message.changeGroup({ groupId: request.params.id, ...request.body }, callOf(request)),
          request,
        ),
    );
    app.get(
      "/groups/:id/members",
      {
        schema: {
          summary: "Who is in a group: the owner, the admins, then the others as they came",
          tags: ["groups"],
          params: IdParams,
          querystring: PageQuery,
          response: answers({ 200: pageOf("GroupMember") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { members, next } = await message.listMembers(
          { groupId: request.params.id, after: cursor, limit },
          call,
        );
        const ids = members.map(({ userId }) => userId);
        const people = await peopleById(composer, ids, urlsFor(request), call);
        const items = members.flatMap(({ userId, role, silentUntilMs, readUpToId }) => {
          const user = people.get(userId);
          if (!user) return [];
          const silentUntil = silentUntilMs > 0 ? toTime(silentUntilMs) : null;
          return [{ user, role: roleNames[role], silentUntil, readUpTo: readUpToId || null }];
        });
        return { items, nextCursor: next || null };
      },
    );
    app.post(
      "/groups/:id/members",
      {
        schema: {
          summary: "Bring people into a group, as its owner or an admin",
          description: bringing,
          tags: ["groups"],
          params: IdParams,
          body: Type.Object({ userIds: UserIds }),
          response: answers({ 200: Brought }),
        },
      },
      async (request) => {
        const { userIds } = request.body;
        return toBrought(
          await message.addMembers({ groupId: request.params.id, userIds }, callOf(request)),
          request,
        );
      },
    );
    app.delete(
      "/groups/:id/members/:userId",
      {
        schema: {
          summary: "Leave a group, or remove somebody from it",
          description:
            "An admin removes members, the owner anybody. Who was removed comes back only when they are added again. An " +
            "owner who leaves hands over to the admin who came first, or else to the member who did. With the last person " +
            "the group ends.",
          tags: ["groups"],
          params: MemberParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { id: groupId, userId } = request.params;
        await message.removeMember({ groupId, userId }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.put(
      "/groups/:id/members/:userId/role",
      {
        schema: {
          summary: "Make somebody an admin, a member again, or the owner, as the owner",
          description: "Who hands over is an admin then.",
          tags: ["groups"],
          params: MemberParams,
          body: Type.Object({ role: RoleName }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { id: groupId, userId } = request.params;
        const role = rolesByName[request.body.role];
        await message.setRole({ groupId, userId, role }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.put(
      "/groups/:id/members/:userId/mute",
      {
        schema: {
          summary: "Let somebody write nothing for some time, as one above them",
          tags: ["groups"],
          params: MemberParams,
          body: Type.Object({
            minutes: Type.Integer({ minimum: 0, maximum: 43_200, description: "0: they may write again." }),
          }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { id: groupId, userId } = request.params;
        const { minutes } = request.body;
        await message.muteMember({ groupId, userId, minutes }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/groups/:id/invitations",
      {
        schema: {
          summary:
            "Who is invited and has not answered, for the owner and admins; the newest invitation first",
          tags: ["groups"],
          params: IdParams,
          querystring: PageQuery,
          response: answers({ 200: pageOf("GivenInvitation") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const asked = { groupId: request.params.id, before: cursor, limit };
        const { invitations, next } = await message.listGroupInvitations(asked, call);
        const ids = invitations.flatMap(({ userId, inviterId }) => [userId, inviterId]);
        const people = await peopleById(composer, [...new Set(ids)], urlsFor(request), call);
        const items = invitations.flatMap(({ userId, inviterId, expiresAtMs }) => {
          const user = people.get(userId);
          const inviter = people.get(inviterId) ?? null;
          return user ? [{ user, inviter, expiresAt: toTime(expiresAtMs) }] : [];
        });
        return { items, nextCursor: next || null };
      },
    );
    app.delete(
      "/groups/:id/invitations/:userId",
      {
        schema: {
          summary: "Take an invitation back, as the owner or an admin",
          tags: ["groups"],
          params: MemberParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { id: groupId, userId } = request.params;
        await message.withdrawInvitation({ groupId, userId }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/groups/:id/link",
      {
        schema: {
          summary: "The link by which people join, for its owner and admins; null if none works",
          tags: ["groups"],
          params: IdParams,
          response: answers({ 200: Type.Object({ link: nullable(Type.Ref("GroupLink")) }) }),
        },
      },
      async (request) => {
        const { link } = await message.getGroupLink({ groupId: request.params.id }, callOf(request));
        return { link: link ? await toLink(link, request) : null };
      },
    );
    app.put(
      "/groups/:id/link",
      {
        schema: {
          summary: "A new link by which people join; the one from before ends",
          tags: ["groups"],
          params: IdParams,
          body: Type.Object({
            maxUses: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
            hours: Type.Integer({
              minimum: 1,
              maximum: 720,
              default: 168,
              description: "How long it works.",
            }),
          }),
          response: answers({ 200: Type.Ref("GroupLink") }),
        },
      },
      async (request) => {
        const { maxUses, hours } = request.body;
        const groupId = request.params.id;
        return toLink(await message.makeGroupLink({ groupId, maxUses, hours }, callOf(request)), request);
      },
    );
    app.delete(
      "/groups/:id/link",
      {
        schema: {
          summary: "End the link",
          tags: ["groups"],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await message.revokeGroupLink({ groupId: request.params.id }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/group-links/:code",
      {
        schema: {
          summary: "The group to which a link leads",
          tags: ["groups"],
          params: CodeParams,
          response: answers({
            200: Type.Object({
              id: Id,
              name: Type.String(),
              members: Type.Integer(),
              faces: Type.Array(Type.Ref("User")),
              joined: Type.Boolean({ description: "Whether the caller is in it." }),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { id, name, members, faceIds, joined } = await message.findGroupByLink(
          { code: request.params.code },
          call,
        );
        const people = await peopleById(composer, faceIds, urlsFor(request), call);
        return { id, name, members, faces: [...people.values()], joined };
      },
    );
    app.post(
      "/group-links/:code/join",
      {
        schema: {
          summary: "Join a group by its link",
          description: "Who is in it already joins once more without an effect.",
          tags: ["groups"],
          params: CodeParams,
          response: answers({ 200: Type.Ref("Group") }),
        },
      },
      async (request) =>
        toGroup(await message.joinByLink({ code: request.params.code }, callOf(request)), request),
    );
    app.get(
      "/me/group-invitations",
      {
        schema: {
          summary: "The groups one is invited to, the newest invitation first",
          description: "Without those by people whom one blocks, or who block one.",
          tags: ["groups"],
          querystring: PageQuery,
          response: answers({ 200: pageOf("GroupInvitation") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { invitations, next } = await message.listInvitations({ before: cursor, limit }, call);
        const inviters = await composer.unblockedPeople(
          invitations.map(({ inviterId }) => inviterId),
          call,
        );
        const urls = urlsFor(request);
        const byId = new Map(inviters.map((one) => [one.user.id, toApiUser(one, urls)]));
        const items = invitations.flatMap(({ groupId, groupName, members, inviterId }) => {
          const inviter = byId.get(inviterId);
          return inviter ? [{ groupId, groupName, members, inviter }] : [];
        });
        return { items, nextCursor: next || null };
      },
    );
    for (const [method, summary, accepted] of [
      ["PUT", "Accept an invitation", true],
      ["DELETE", "Decline an invitation", false],
    ] as const) {
      app.route({
        method,
        url: "/me/group-invitations/:id",
        schema: { summary, tags: ["groups"], params: IdParams, response: answers({ 204: NoContent }) },
        handler: async (request, reply) => {
          await message.answerInvitation({ groupId: request.params.id, accepted }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    }
  };
}
