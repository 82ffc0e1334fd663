import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import type { Notification, NotificationSettings } from "#contracts/gen/message_pb.ts";
import type { Video } from "#contracts/gen/video_pb.ts";
import { isPushedOnly, kindName, type PushedKindName, pushedKinds } from "#contracts/notification-kinds.ts";
import type { Person } from "../composition/people.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { notificationId } from "./notification-kinds.ts";
import { toApiUser, toTime } from "./present.ts";
import { answers, Id, NoContent, nullableText, PageQuery, pageOf } from "./schemas.ts";

const Setting = Type.Object({
  list: Type.Boolean({
    description: "Whether it is in the list and counted. Of messages, which are not in it: true.",
  }),
  push: Type.Boolean({ description: "Whether it is pushed to the devices that asked for it." }),
});
const names = Object.keys(pushedKinds) as PushedKindName[];
const Settings = Type.Object(
  Object.fromEntries(names.map((name) => [name, Setting])) as Record<PushedKindName, typeof Setting>,
);
const Change = Type.Partial(Settings);

/** What concerns a person. */
export function notificationRoutes({
  message,
  video,
  composer,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/notifications",
      {
        schema: {
          summary: "What concerns one, grouped, the latest news first",
          description:
            "What people do to one thing is one item. An item comes to the top when something is new, so a page may " +
            "repeat one that was on an earlier page; its `id` stays.",
          tags: ["notifications"],
          querystring: PageQuery,
          response: answers({
            200: Type.Object({
              ...pageOf("Notification").properties,
              upTo: nullableText(
                Type.String({
                  description:
                    "Who has seen a page from the beginning has seen everything up to here: also what it leaves out, " +
                    "because the video is not there for one any more. Null: there is nothing.",
                }),
              ),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { notifications, next } = await message.listNotifications({ cursor, limit }, call);
        const videoIds = [...new Set(notifications.map(({ videoId }) => videoId).filter(Boolean))];
        const [people, { videos }] = await Promise.all([
          composer.people([...new Set(notifications.flatMap(({ actorIds }) => actorIds))], call),
          videoIds.length > 0 ? video.getVideos({ ids: videoIds }, call) : { videos: [] },
        ]);
        const shown = {
          people: new Map(people.map((person) => [person.user.id, person])),
          videos: new Map(videos.map((one) => [one.id, one])),
        };
        const urls = urlsFor(request);
        const items = notifications.flatMap((one) => toApiNotification(one, shown, urls) ?? []);
        return { items, nextCursor: next || null, upTo: notifications[0]?.position ?? null };
      },
    );
    app.put(
      "/notifications/seen",
      {
        schema: {
          summary: "Mark notifications as seen, up to one",
          tags: ["notifications"],
          body: Type.Object(
            { upTo: Id },
            {
              description: "`upTo` of the page that was seen, or the `position` of the latest one that was.",
            },
          ),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await message.markNotificationsSeen({ upTo: request.body.upTo }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.get(
      "/notifications/settings",
      {
        schema: {
          summary: "What one is told of, and how",
          tags: ["notifications"],
          response: answers({ 200: Settings }),
        },
      },
      async (request) => toApiSettings(await message.getNotificationSettings({}, callOf(request))),
    );
    app.put(
      "/notifications/settings",
      {
        schema: {
          summary: "Choose what one is told of, and how",
          description: "Kinds that are left out stay as they are.",
          tags: ["notifications"],
          body: Change,
          response: answers({ 200: Settings }),
        },
      },
      async (request) => {
        const wanted = request.body as Partial<Record<PushedKindName, { list: boolean; push: boolean }>>;
        const kinds = names.flatMap((name) =>
          wanted[name] ? [{ kind: pushedKinds[name], ...wanted[name] }] : [],
        );
        return toApiSettings(await message.setNotificationSettings({ kinds }, callOf(request)));
      },
    );
  };
}

/** Nothing where nobody is left who did it, or the video is not there for the caller. What moderators do is told always. */
function toApiNotification(
  { kind, subjectId, position, atMs, seen, people, actorIds, videoId, commentId }: Notification,
  shown: { people: Map<string, Person>; videos: Map<string, Video> },
  urls: MediaUrls,
) {
  const actors = actorIds.flatMap((id) => shown.people.get(id) ?? []);
  const about = shown.videos.get(videoId);
  const id = notificationId({ kind, subjectId });
  const name = kindName(kind);
  if (!id || !name || isPushedOnly(name)) return undefined;
  if (name !== "moderation" && (actors.length === 0 || (videoId && !about))) return undefined;
  return {
    id,
    kind: name,
    position,
    at: toTime(atMs),
    seen,
    people,
    actors: actors.map((person) => toApiUser(person, urls)),
    video: about
      ? {
          id: about.id,
          title: about.title,
          coverUrl: about.coverKey ? urls.ofVideo(about, about.coverKey) : null,
          kind: about.pictures.length > 0 ? ("pictures" as const) : ("video" as const),
          failure: about.failureReason || null,
        }
      : null,
    commentId: commentId || null,
  };
}

function toApiSettings({
  kinds,
}: NotificationSettings): Record<PushedKindName, { list: boolean; push: boolean }> {
  const given = new Map(kinds.map(({ kind, list, push }) => [kind, { list, push }]));
  return Object.fromEntries(
    names.map((name) => [name, given.get(pushedKinds[name]) ?? { list: true, push: true }]),
  ) as Record<PushedKindName, { list: boolean; push: boolean }>;
}
