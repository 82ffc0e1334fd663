import { randomUUID } from "node:crypto";
import { areFriends } from "#contracts/friends.ts";
import type { MessageService, SendRequest } from "#contracts/gen/message_pb.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall, StoreFor } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import { coalesceById } from "#platform/rpc/coalesce.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { mentionedNames } from "#platform/text/entities.ts";
import { checkIdempotencyKey } from "#platform/text/idempotency-key.ts";
import type { GroupLists } from "../group-lists.ts";
import type { GroupSend } from "../group-send-store.ts";
import type { MentionRow, Picture } from "../message-row.ts";
import type { MessageParts } from "../new-messages.ts";
import { conversationKey } from "../pairs.ts";
import { toMessage } from "../present.ts";
import { blockOf, checkContent, checkNotSelf, maxMentions } from "../rules.ts";
import type { Send } from "../send-store.ts";
import type { MessageStore } from "../store.ts";
import { standingOf } from "./standing-of.ts";

/** Messages whose sender and receiver are looked up at a time. */
const maxBatch = 500;
/** Each of them may reach a thousand people. */
const maxToGroups = 8;

type Service = Pick<Handlers<typeof MessageService>, "send" | "sendPicture">;

interface Stores {
  send: PerCall<Send>;
  groupSend: PerCall<GroupSend>;
  messages: StoreFor<MessageStore>;
  groups: StoreFor<Pick<GroupLists, "refusal">>;
}

interface Clients {
  user: Client<typeof UserService, "getUsers" | "findUsers">;
  relation: Client<typeof RelationService, "getStandings">;
  video: Client<typeof VideoService, "getVideos">;
}

interface Pictures {
  /** Error: PICTURES_SENT_TOO_MANY. */
  count(person: string, call: ServedCall): Promise<void>;
  /** Makes one of a staged file, which is gone afterwards, and holds it. */
  draw(staged: string, hold: string, call: ServedCall, person: string): Promise<Picture>;
  /** Holds one that a message has. Error: BUSY if none has it any more. */
  hold(picture: Picture, hold: string, call: ServedCall): Promise<void>;
  /** It was sent, or will not be. */
  endHold(picture: Picture, hold: string): Promise<void>;
  dropStaged(staged: string): Promise<void>;
}

export function sendHandlers(
  stores: Stores,
  { user, relation, video }: Clients,
  pictures: Pictures,
): Service {
  const apply = createBatcher((commands: Parameters<Send>[0], batch) => stores.send(batch)(commands), {
    parallel: 2,
    conflict: (command) => conversationKey(command.senderId, command.receiverId),
  });
  const applyToGroups = createBatcher(
    (commands: Parameters<GroupSend>[0], batch) => stores.groupSend(batch)(commands),
    { conflict: (command) => command.groupId, maxBatch: maxToGroups },
  );
  const receivers = coalesceById(
    async (ids, call) => (await user.getUsers({ ids }, call)).users,
    ({ id }) => id,
    { maxBatch },
  );
  const standing = standingOf(relation);

  /** What the message has besides a picture, and the text that it is then. Errors: of what it shows. */
  async function partsOf(
    request: SendRequest,
    call: ServedCall,
  ): Promise<{ content: string; parts: MessageParts }> {
    const { replyToId, videoId, profileId, forward, stagedPicture } = request;
    const shown = [forward, videoId, profileId, stagedPicture].filter(Boolean).length;
    if (shown > 1) throw refusal("INVALID_ARGUMENT", "A message shows one thing.");
    if (replyToId && !isId(replyToId)) throw refusal("MESSAGE_NOT_FOUND");
    const parts: MessageParts = replyToId ? { replyToId } : {};
    if (forward) {
      const { peerId, messageId } = forward;
      const pair = { userId: requireCaller(call), peerId };
      const found =
        isId(peerId) && isId(messageId) ? await stores.messages(call).message(pair, messageId) : undefined;
      if (!found) throw refusal("MESSAGE_NOT_FOUND");
      if (found.recalled) throw refusal("MESSAGE_RECALLED");
      if (found.picture) parts.picture = found.picture;
      if (found.video_id) parts.videoId = found.video_id;
      if (found.profile_id) parts.profileId = found.profile_id;
      return { content: found.content, parts: { ...parts, forwarded: true } };
    }
    if (videoId) {
      const { videos } = isId(videoId) ? await video.getVideos({ ids: [videoId] }, call) : { videos: [] };
      if (videos.length === 0) throw refusal("VIDEO_NOT_FOUND");
      parts.videoId = videoId;
    }
    if (profileId) {
      const { users } = isId(profileId) ? await user.getUsers({ ids: [profileId] }, call) : { users: [] };
      if (users.length === 0) throw refusal("USER_NOT_FOUND");
      parts.profileId = profileId;
    }
    return { content: checkContent(request.content, shown > 0), parts };
  }

  /** The people whom a text mentions, as they are called now, without those who block its author. */
  async function mentionsIn(text: string, authorId: string, call: ServedCall): Promise<MentionRow[]> {
    const nameKeys = mentionedNames(text).slice(0, maxMentions);
    if (nameKeys.length === 0) return [];
    const found = (await user.findUsers({ nameKeys }, call)).users.filter(
      ({ userId }) => userId !== authorId,
    );
    if (found.length === 0) return [];
    const people = [{ userId: authorId, otherIds: found.map(({ userId }) => userId) }];
    const [standings] = (await relation.getStandings({ people, oneWay: true }, call)).standings;
    return found.flatMap(({ nameKey, userId }, at) =>
      ((standings?.[at] ?? 0) & Relationship.BLOCKED_BY) > 0 ? [] : [{ name_key: nameKey, user_id: userId }],
    );
  }

  async function send(request: SendRequest, call: ServedCall) {
    const senderId = requireCaller(call);
    const { receiverId, stagedPicture } = request;
    const key = checkIdempotencyKey(request.idempotencyKey);
    if (!isId(receiverId)) throw refusal("USER_NOT_FOUND");
    checkNotSelf(senderId, receiverId);
    const { content, parts } = await partsOf(request, call);
    // Best effort: follows and blocks belong to relation, so a change within these milliseconds does not count for
    // this message. The limit for strangers is counted here and is exact.
    const [people, flags] = await Promise.all([
      receivers([receiverId], call),
      standing({ userId: senderId, otherIds: [receiverId] }, call),
    ]);
    const are = (what: Relationship) => (flags & what) > 0;
    const block = { blocked: are(Relationship.BLOCKS), blockedBy: are(Relationship.BLOCKED_BY) };
    // No person: then a group, or nothing.
    const isPerson = people.has(receiverId);
    // Before a picture is drawn for nothing; and who may not write in a group holds up nobody in its queue.
    const refused = isPerson
      ? stagedPicture && blockOf(block)
      : await stores.groups(call).refusal(receiverId, senderId);
    if (refused) throw refused;
    if (stagedPicture) await pictures.count(senderId, call);
    const hold = randomUUID();
    if (parts.picture) await pictures.hold(parts.picture, hold, call);
    const picture = stagedPicture ? await pictures.draw(stagedPicture, hold, call, senderId) : parts.picture;
    const mentions = isPerson || parts.forwarded ? [] : await mentionsIn(content, senderId, call);
    const message = {
      ...{ senderId, content, key, traceId: call.traceId },
      parts: { ...parts, ...(picture && { picture }), ...(mentions.length > 0 && { mentions }) },
    };
    const friends = areFriends(flags);
    const sent = await (isPerson
      ? apply({ ...message, receiverId, friends, ...block }, call)
      : applyToGroups({ ...message, groupId: receiverId }, call));
    // After any other error it may be sent nevertheless: then the hold ends by its job.
    const isKnown =
      !(sent instanceof Error) || (sent instanceof DomainError && sent.reason !== "COMMIT_UNKNOWN");
    if (picture && isKnown) await pictures.endHold(picture, hold).catch(() => {});
    if (sent instanceof Error) throw sent;
    return toMessage(sent);
  }

  return {
    async send(request, call) {
      if (request.stagedPicture) throw refusal("INVALID_ARGUMENT", "Pictures are sent by SendPicture.");
      return send(request, call);
    },
    async sendPicture(request, call) {
      try {
        return await send(request, call);
      } finally {
        await pictures.dropStaged(request.stagedPicture);
      }
    },
  };
}
