import {
  commentDeleted,
  commented,
  groupInvited,
  moderationActed,
  reacted,
  relationBlocked,
  relationFollowed,
  relationUnblocked,
  relationUnfollowed,
  videoDeleted,
  videoFailed,
  videoHeldChanged,
  videoPublished,
  videoVisibilityChanged,
} from "#contracts/events.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { Transaction } from "#platform/db/database.ts";
import type { ConsumeOptions } from "#platform/events/consumer/consumer.ts";
import type { Emit, EventOf } from "#platform/events/event-type.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import type { Tables } from "../tables.ts";
import { type Audience, type Change, changesOf, type NotifyingEvent } from "./changes.ts";

/** One group for all, since what a comment leads to comes before that its video is gone: both have the video's key. */
export const notifyingEvents = [
  ...[reacted, commented, commentDeleted],
  ...[relationFollowed, relationUnfollowed, relationBlocked, relationUnblocked],
  ...[videoPublished, videoVisibilityChanged, videoFailed, videoHeldChanged, videoDeleted],
  ...[groupInvited, moderationActed],
] as const;
type Type = (typeof notifyingEvents)[number];

interface Clients {
  user: Client<typeof UserService, "findUsers">;
  relation: Client<typeof RelationService, "getStandings">;
  video: Client<typeof VideoService, "getVideos">;
}

/** People whom one text can tell. */
const maxMentioned = 20;
/** Questions to other modules at once. */
const atOnce = 16;

/** Those who may be told of an event besides the author of the video, by its position. */
type Audiences = ReadonlyMap<string, Audience>;

/** Projects what happens into changes of people's lists, which `apply` makes in the same transaction. */
export function projectNotifications(
  clients: Clients,
  apply: (on: Transaction<Tables>, changes: readonly Change[], emit: Emit) => Promise<void>,
): Pick<ConsumeOptions<Tables, Type, Audiences>, "prepare" | "handle"> {
  return {
    prepare: (events, { signal }) =>
      askAudiences(clients, events, systemCall({ ...firstTrace(events), signal })),
    async handle(on, events, { prepared: audiences, emit }) {
      const changes = events.flatMap((event) =>
        changesOf(event as NotifyingEvent, audiences.get(event.position)),
      );
      if (changes.length > 0) await apply(on, changes, emit);
    },
  };
}

const firstTrace = ([first]: EventOf<Type>[]) => (first ? { traceId: first.traceId } : {});

/** Somebody whom an event may be told, as far as the text says. */
interface Candidate {
  position: string;
  userId: string;
  actorId: string;
  videoId: string;
  answered: boolean;
}

/** They must be able to see the video, and not block the one who writes. */
async function askAudiences(clients: Clients, events: EventOf<Type>[], call: Call): Promise<Audiences> {
  const candidates = [
    ...(await commentCandidates(clients, events, call)),
    ...(await publicationCandidates(clients, events, call)),
  ].filter(({ userId, actorId }) => userId !== actorId);
  const audiences = new Map<string, { answered: boolean; mentioned: string[] }>();
  if (candidates.length === 0) return audiences;
  const userIds = [...new Set(candidates.map(({ userId }) => userId))];
  const people = userIds.map((userId) => {
    const own = candidates.filter((one) => one.userId === userId);
    return {
      userId,
      otherIds: [...new Set(own.map(({ actorId }) => actorId))],
      videoIds: [...new Set(own.map(({ videoId }) => videoId))],
    };
  });
  const { standings } = await clients.relation.getStandings(
    { people: people.map(({ userId, otherIds }) => ({ userId, otherIds })), oneWay: true },
    call,
  );
  const visible = await eachOf(people, async ({ userId, videoIds }) => {
    const { videos } = await clients.video.getVideos({ ids: videoIds }, { ...call, callerId: userId });
    return new Set(videos.map(({ id }) => id));
  });
  const at = new Map(userIds.map((userId, i) => [userId, i]));
  for (const { position, userId, actorId, videoId, answered } of candidates) {
    const i = at.get(userId)!;
    const standing = standings[i]?.[people[i]!.otherIds.indexOf(actorId)] ?? 0;
    if (standing & Relationship.BLOCKS || !visible[i]!.has(videoId)) continue;
    const audience = audiences.get(position) ?? { answered: false, mentioned: [] };
    if (answered) audience.answered = true;
    else audience.mentioned.push(userId);
    audiences.set(position, audience);
  }
  return audiences;
}

async function commentCandidates(
  { user }: Clients,
  events: EventOf<Type>[],
  call: Call,
): Promise<Candidate[]> {
  const written = events.flatMap((event) => (event.type === commented.name ? event : []));
  const names = written.map(({ message }) => message.mentionedNames.slice(0, maxMentioned));
  const nameKeys = [...new Set(names.flat())];
  const ids = new Map<string, string>();
  for (let i = 0; i < nameKeys.length; i += maxNames) {
    const { users } = await user.findUsers({ nameKeys: nameKeys.slice(i, i + maxNames) }, call);
    for (const { nameKey, userId } of users) ids.set(nameKey, userId);
  }
  return written.flatMap(({ position, message: { videoId, authorId: actorId, answeredUserId } }, i) => {
    const candidate = { position, actorId, videoId };
    const mentioned = names[i]!.flatMap((name) => ids.get(name) ?? []);
    return [
      ...(answeredUserId ? [{ ...candidate, userId: answeredUserId, answered: true }] : []),
      ...mentioned.map((userId) => ({ ...candidate, userId, answered: false })),
    ];
  });
}
/** Names in one question. */
const maxNames = 100;

/** The module that has the texts knows whom they mention. */
async function publicationCandidates(
  { video }: Clients,
  events: EventOf<Type>[],
  call: Call,
): Promise<Candidate[]> {
  const shown = events.flatMap((event) =>
    event.type === videoPublished.name || event.type === videoVisibilityChanged.name ? event : [],
  );
  const found = await eachOf(shown, async ({ position, message: { videoId, authorId } }) => {
    const { videos } = await video.getVideos({ ids: [videoId] }, { ...call, callerId: authorId });
    const mentions = videos[0]?.mentions.slice(0, maxMentioned) ?? [];
    return mentions.map(({ userId }) => ({ position, userId, actorId: authorId, videoId, answered: false }));
  });
  return found.flat();
}

async function eachOf<Item, Result>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let i = 0; i < items.length; i += atOnce)
    results.push(...(await Promise.all(items.slice(i, i + atOnce).map(ask))));
  return results;
}
