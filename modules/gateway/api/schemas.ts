import Type, { type TSchema, type TString } from "typebox";
import { type NotificationKindName, notificationKinds } from "#contracts/notification-kinds.ts";

/** The public shapes of /api/v1. The OpenAPI document, the validation and the web client's types come from here. */

export const Id = Type.String({
  pattern: "^[1-9][0-9]{0,18}$",
  description: "A 64-bit id as a decimal string.",
});
export const Time = Type.String({ format: "date-time" });
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/**
 * The same for texts, as one schema with two types, and one of several texts as one schema with an enum: of a union the
 * serializer tries each, which takes three times as long as all else that it does for a page of videos.
 */
export const nullableText = (text: TString) =>
  Type.Unsafe<string | null>({ ...text, type: ["string", "null"] });
const oneOf = <Text extends string>(...texts: Text[]) => Type.Unsafe<Text>({ type: "string", enum: texts });

const Counts = Type.Object({
  videos: Type.Integer(),
  following: Type.Integer(),
  followers: Type.Integer(),
  likesReceived: Type.Integer(),
  likesGiven: Type.Integer(),
});

const User = Type.Object(
  {
    id: Id,
    username: Type.String({ description: "What one logs in with." }),
    name: Type.String({ description: "What others see." }),
    signature: Type.String(),
    avatarUrl: Type.String({ description: "Never empty." }),
    backgroundUrl: Type.String({ description: "Never empty." }),
    createdAt: Time,
    followed: Type.Boolean({ description: "Whether the caller follows them." }),
    role: oneOf("member", "moderator"),
    followsYou: Type.Boolean({ description: "Whether they follow the caller." }),
    blocked: Type.Boolean({ description: "Whether the caller blocks them." }),
    counts: Counts,
  },
  { $id: "User" },
);

const Me = Type.Object(
  {
    ...User.properties,
    mutedUntil: Type.Union([Time, Type.Null()], {
      description: "Until when moderators keep the person from publishing and writing.",
    }),
    closingRefused: nullableText(
      Type.String({
        description:
          "Why the last request to delete the account was refused, as a stable reason: VIDEO_HELD while a moderator has put a video on hold.",
      }),
    ),
  },
  { $id: "Me" },
);

/** What somebody says to the moderators. */
export const ReportBody = Type.Object({
  reason: Type.Union([Type.Literal("spam"), Type.Literal("abuse"), Type.Literal("other")]),
  text: Type.Optional(
    Type.String({ maxLength: 1600, description: "At most 200 characters, without line breaks." }),
  ),
});

/** Actions of a moderator. */
export const WhyQuery = Type.Object({
  reason: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Why a moderator does this, for the operator's security log.",
    }),
  ),
});

const Session = Type.Object(
  {
    user: Type.Ref("User"),
    accessToken: Type.String({ description: "Send it as `Authorization: Bearer …`." }),
    accessTokenExpiresAt: Time,
    refreshToken: Type.String({
      description:
        "Swap it for new tokens before the access token ends; it works once. Empty when the session is kept in a cookie.",
    }),
  },
  { $id: "Session" },
);

const Device = Type.Object(
  {
    id: Id,
    current: Type.Boolean(),
    userAgent: Type.String(),
    createdAt: Time,
    lastUsedAt: Time,
  },
  { $id: "Device" },
);

/** Notices about an accepted file, visible only to its author. */
const Notices = Type.Array(Type.Object({ reason: Type.String(), message: Type.String() }), {
  description:
    "What its author should know, and nobody else is told. VIDEO_CUT_OFF: the end of the file was missing. " +
    "SOUND_LEFT_OUT: its sound could not be decoded.",
});

const DirectUpload = Type.Object(
  {
    id: Id,
    partBytes: Type.Integer(),
    parts: Type.Array(
      Type.Object({
        number: Type.Integer(),
        url: Type.String(),
        sent: Type.Boolean({ description: "Whether it has come." }),
      }),
    ),
    expiresAt: Type.String({ format: "date-time" }),
  },
  { $id: "DirectUpload" },
);

const Upload = Type.Object(
  {
    id: Id,
    kind: Type.Unsafe<"video" | "picture">({
      type: "string",
      enum: ["video", "picture"],
      description: "A video is published by its `uploadId`, one or several pictures as `pictures`.",
    }),
    sizeBytes: Type.Integer(),
    durationMs: Type.Integer({ description: "0: a picture." }),
    width: Type.Integer(),
    height: Type.Integer(),
    notices: Notices,
  },
  { $id: "Upload" },
);

const Entities = Type.Array(
  Type.Object({
    kind: oneOf("hashtag", "mention"),
    start: Type.Integer({ description: "In UTF-16 code units, as JavaScript counts." }),
    end: Type.Integer({ description: "The first one after it." }),
    name: Type.String({ description: "Without its sign." }),
    userId: nullableText(Type.String({ description: "Whom a mention leads to; null for a hashtag." })),
  }),
  { description: "What in the text leads somewhere, in its order." },
);
export const VisibilityName = oneOf("public", "unlisted", "friends", "private");

const Video = Type.Object(
  {
    id: Id,
    title: Type.String(),
    titleEntities: Entities,
    description: Type.String(),
    descriptionEntities: Entities,
    author: Type.Ref("User"),
    state: Type.Unsafe<"uploaded" | "processing" | "ready" | "published" | "failed">({
      type: "string",
      enum: ["uploaded", "processing", "ready", "published", "failed"],
      description: "`ready`: a draft that could be published.",
    }),
    progress: Type.Number({ minimum: 0, maximum: 1, description: "Of the processing." }),
    failure: nullable(Type.Object({ reason: Type.String(), message: Type.String() })),
    kind: Type.Unsafe<"video" | "pictures">({
      type: "string",
      enum: ["video", "pictures"],
      description: "A post of pictures has no film: its playUrl is null and its durationMs 0.",
    }),
    pictures: Type.Array(
      Type.Object({
        number: Type.Integer({
          description: "Which one it is, for changes and links: 1 to 35, kept wherever it is moved.",
        }),
        alt: Type.String({ description: "What it shows, in words; may be empty." }),
        width: Type.Integer({ description: "Of the picture that was sent, upright." }),
        height: Type.Integer(),
        thumbHash: nullableText(Type.String({ description: "In base64." })),
        sizes: Type.Array(
          Type.Object({ url: Type.String(), width: Type.Integer(), height: Type.Integer() }),
          {
            description:
              "JPEGs, the smallest first, fitting into 480 x 854, 1080 x 1920 and 2160 x 3840; a small picture has " +
              "fewer, since none is enlarged. None until it is published.",
          },
        ),
      }),
      { description: "Of a post of pictures, in their order; of a video none." },
    ),
    playUrl: nullableText(Type.String({ description: "H.264/AAC MP4; null until published." })),
    hlsUrl: nullableText(
      Type.String({
        description: "The same as HLS for lines of different speed; null until its renditions are made.",
      }),
    ),
    storyboardUrl: nullableText(
      Type.String({
        description:
          "WebVTT whose cues are parts (#xywh) of one JPEG: small pictures for scrubbing; null until it is made.",
      }),
    ),
    renditions: Type.Array(
      Type.Object({
        shortSide: Type.Integer(),
        width: Type.Integer(),
        height: Type.Integer(),
        bitrate: Type.Integer({ description: "Average bits per second." }),
      }),
      { description: "Of hlsUrl, the smallest first." },
    ),
    steps: Type.Array(
      Type.Object({
        name: oneOf("processing", "renditions"),
        state: oneOf("waiting", "running", "done", "failed"),
        done: Type.Integer({ description: "Of `total`: pictures or renditions that are made." }),
        total: Type.Integer(),
        since: nullableText(
          Type.String({ format: "date-time", description: "When it came into this state." }),
        ),
        progress: nullable(Type.Number({ description: "Of the work under way, 0 to 1, where it is known." })),
        endsAt: nullableText(
          Type.String({ format: "date-time", description: "When that work will probably end." }),
        ),
        failure: nullable(
          Type.Object(
            { reason: Type.String(), message: Type.String() },
            {
              description:
                "Why it failed; of a step that waits, why its last try did: DISK_FULL, BLOBS_UNAVAILABLE, BLOB_DISK_AWAY, TRY_FAILED.",
            },
          ),
        ),
        nextTryAt: nullableText(
          Type.String({ format: "date-time", description: "When a step whose try failed is tried again." }),
        ),
      }),
      {
        description:
          "The work on the video. `processing` makes what is published, and only its author is told of it, as of " +
          "`since`, `progress`, `endsAt`, `failure` and `nextTryAt`, which are null for everybody else. `renditions` " +
          "improves what is published already: it can be played before, and also if this fails (RENDITIONS_FAILED).",
      },
    ),
    coverUrl: nullableText(Type.String({ description: "JPEG; null until published." })),
    sharedPicture: Type.Optional(
      Type.Integer({
        description:
          "The `number` of the picture that was shared, if it is there. Only where a link is looked up.",
      }),
    ),
    thumbHash: nullableText(
      Type.String({ description: "ThumbHash of the cover in base64, to be shown until the cover is there." }),
    ),
    coverTimesMs: Type.Array(Type.Integer(), {
      description: "For the author only: times whose pictures would do as covers, the best first.",
    }),
    durationMs: Type.Integer(),
    width: Type.Integer({ description: "As displayed." }),
    height: Type.Integer(),
    sizeBytes: Type.Integer(),
    createdAt: Time,
    publishedAt: nullableText(Time),
    draft: Type.Boolean({
      description: "It is not published before its author says so, or at `publishAt`; nobody else sees it.",
    }),
    publishAt: nullableText(
      Type.String({
        format: "date-time",
        description: "When a draft will be published; null: at no set time.",
      }),
    ),
    editedAt: nullableText(
      Type.String({
        format: "date-time",
        description:
          "When the title, the description or the pictures were last changed after it was published.",
      }),
    ),
    visibility: VisibilityName,
    moderation: Type.Optional(
      Type.Unsafe<"restricted" | "taken-down">({
        type: "string",
        enum: ["restricted", "taken-down"],
        description:
          "For the author only, while moderators keep `visibility` from holding. `restricted`: it is in no list, so that " +
          "only those with the link find it. `taken-down`: nobody else sees it. Absent: `visibility` is what holds.",
      }),
    ),
    commentsAllowed: Type.Boolean(),
    downloadAllowed: Type.Boolean(),
    downloadUrl: nullableText(
      Type.String({
        description:
          "The film as a file to save, which is counted; null until published, and where the author does not allow it. " +
          "Who may watch it can keep what they watch: this says what the author wishes, and clients offer.",
      }),
    ),
    held: Type.Boolean({
      description: "Put on hold by a moderator; only they and the author are told.",
    }),
    notices: Notices,
    counts: Type.Object({
      likes: Type.Integer(),
      comments: Type.Integer({ description: "Replies included." }),
      bookmarks: Type.Integer(),
      reposts: Type.Integer(),
      shares: Type.Integer({ description: "Each person counts once a day." }),
      downloads: Type.Integer({ description: "Each person, and each address of guests, counts once a day." }),
      views: Type.Integer({
        description:
          "Watched for 3 s, or half of what is shorter; at most 5 s old. The same viewer counts again after 30 minutes.",
      }),
    }),
    resume: nullable(
      Type.Object({
        positionMs: Type.Integer(),
        picture: nullable(Type.Integer({ description: "Of a post of pictures: the `number` of a picture." })),
      }),
    ),
    bookmarked: Type.Boolean({ description: "Whether the caller keeps it; nobody else is told." }),
    reposted: Type.Boolean({ description: "Whether the caller reposts it." }),
    reaction: Type.Unsafe<"like" | "dislike" | null>({
      type: ["string", "null"],
      enum: ["like", "dislike", null],
      description: "The caller's.",
    }),
  },
  { $id: "Video" },
);

const Comment = Type.Object(
  {
    id: Id,
    videoId: Id,
    author: Type.Ref("User"),
    text: Type.String({ description: "Empty if it was taken down." }),
    takenDown: Type.Boolean({
      description:
        "By the moderators, who alone are told its text, where they judge. It keeps its place and its replies.",
    }),
    floor: Type.Integer({
      description:
        "Counts up from 1: in the video for comments, in their comment for replies. Never given twice.",
    }),
    sequence: Type.Integer({
      description: "Counts up from 1, for the video's comments and replies together.",
    }),
    rootId: nullableText(
      Type.String({ description: "The comment that this is a reply to; null for a comment." }),
    ),
    replyTo: Type.Union([Type.Ref("User"), Type.Null()], {
      description: "Whose reply this one answers; null when it answers the comment itself.",
    }),
    replies: Type.Integer({ description: "Those that a block hides from the caller are among them." }),
    createdAt: Time,
  },
  { $id: "Comment" },
);

const MessagePicture = Type.Object(
  { url: Type.String(), smallUrl: Type.String(), width: Type.Integer(), height: Type.Integer() },
  {
    description: "JPEGs, at addresses for the caller alone that expire; the size is that of the large one.",
  },
);

/** What was said around a reported message. */
export const MessageLine = Type.Object({
  sender: Type.Union([Type.Ref("User"), Type.Null()]),
  text: Type.String(),
  sentAt: Time,
  reported: Type.Boolean({ description: "Whether it is this one; the others were said around it." }),
  picture: Type.Optional(Type.Boolean({ description: "Whether it shows one." })),
  shown: Type.Optional(MessagePicture),
  videoId: Type.Optional(Id),
  profileId: Type.Optional(Id),
});

const noticeKinds = [
  ...(["created", "added", "joined", "left", "removed", "renamed", "announced"] as const),
  ...(["owner", "admin", "noAdmin", "muted", "unmuted", "takenDown", "restored"] as const),
];
const Notice = Type.Object(
  {
    kind: Type.Unsafe<(typeof noticeKinds)[number]>({
      type: "string",
      enum: noticeKinds,
      description: "A kind that a client does not know is one of a later server.",
    }),
    userIds: Type.Array(Id, { description: "Whom it concerns; of many the first." }),
  },
  {
    description:
      "Nobody has written this message: it tells what happened in the group. Its sender did it, or is the group itself. " +
      "Its text is the new name or announcement, or how many were added.",
  },
);
/** What a message has besides its text; what it has not is absent. The same in lists and in what is told. */
export const messageParts = {
  inGroup: Type.Optional(Type.Boolean({ description: "It was said in a group." })),
  notice: Type.Optional(Notice),
  recalled: Type.Optional(
    Type.Boolean({ description: "Its sender has taken it back; nothing of it is left." }),
  ),
  takenDown: Type.Optional(
    Type.Boolean({ description: "The moderators have recalled it, and not its sender." }),
  ),
  forwarded: Type.Optional(Type.Boolean({ description: "Sent on from another conversation." })),
  picture: Type.Optional(MessagePicture),
  videoId: Type.Optional(
    Type.String({
      description: "The video that it shows as a card, if `GET /videos/{id}` lets the caller see it.",
    }),
  ),
  profileId: Type.Optional(Type.String({ description: "The person that it shows as a card." })),
  entities: Type.Optional(Entities),
  replyTo: Type.Optional(
    Type.Object(
      {
        id: Id,
        senderId: Type.Optional(Id),
        text: Type.String({ description: "Its beginning: 200 characters at most." }),
        recalled: Type.Optional(Type.Boolean()),
        shows: Type.Optional(oneOf("picture", "video", "profile")),
      },
      { description: "The message that it answers. Without `senderId` that is gone." },
    ),
  ),
  reactions: Type.Optional(
    Type.Array(
      Type.Object({
        emoji: Type.String(),
        count: Type.Integer(),
        own: Type.Boolean({ description: "Whether one of them is the caller's." }),
      }),
    ),
  ),
};

const Message = Type.Object(
  {
    id: Id,
    senderId: Id,
    receiverId: Type.String({ ...Id, description: "A person or a group." }),
    content: Type.String(),
    sentAt: Type.String({
      format: "date-time",
      description: "Different for every message of a conversation, and in their order.",
    }),
    ...messageParts,
  },
  { $id: "Message" },
);

export const RoleName = oneOf("member", "admin", "owner");
const Group = Type.Object(
  {
    id: Id,
    name: Type.String(),
    announcement: Type.String({ description: "May be empty." }),
    showsLatest: Type.Boolean({ description: "Whether who joins sees the last 100 messages from before." }),
    members: Type.Integer(),
    faces: Type.Array(Type.Ref("User"), { description: "Some of its people, for a picture." }),
    role: Type.Unsafe<"member" | "admin" | "owner">({ ...RoleName, description: "The caller's." }),
    muted: Type.Boolean({ description: "Whether the caller does not count what is said in it." }),
    silentUntil: nullableText(
      Type.String({ format: "date-time", description: "Until when the caller may not write in it." }),
    ),
    takenDown: Type.Boolean({
      description: "By the moderators: nobody writes in it, and nobody comes into it.",
    }),
  },
  { $id: "Group" },
);
const GroupMember = Type.Object(
  {
    user: Type.Ref("User"),
    role: RoleName,
    silentUntil: nullableText(Time),
    readUpTo: nullableText(
      Type.String({ description: "The last message that they have read; only in groups of up to 50." }),
    ),
  },
  { $id: "GroupMember" },
);
const GroupLink = Type.Object(
  {
    code: Type.String(),
    url: Type.String({ description: "What to pass on." }),
    uses: Type.Integer(),
    maxUses: Type.Integer(),
    expiresAt: Time,
    maker: Type.Union([Type.Ref("User"), Type.Null()], {
      description: "Who has made it. Null: it is not known any more.",
    }),
  },
  { $id: "GroupLink" },
);
const GivenInvitation = Type.Object(
  {
    user: Type.Ref("User"),
    inviter: Type.Union([Type.Ref("User"), Type.Null()]),
    expiresAt: Time,
  },
  { $id: "GivenInvitation" },
);
const GroupInvitation = Type.Object(
  {
    groupId: Id,
    groupName: Type.String(),
    members: Type.Integer(),
    inviter: Type.Ref("User"),
  },
  { $id: "GroupInvitation" },
);

const FoundMessage = Type.Object(
  {
    conversationId: Type.String({ ...Id, description: "Of the other person or the group." }),
    peer: Type.Union([Type.Ref("User"), Type.Null()], { description: "Null: it is a group." }),
    group: Type.Union([Type.Ref("Group"), Type.Null()]),
    sender: Type.Ref("User"),
    message: Type.Ref("Message"),
  },
  { $id: "FoundMessage" },
);

const MessageReaction = Type.Object(
  { user: Type.Ref("User"), emoji: Type.String() },
  { $id: "MessageReaction" },
);

const Conversation = Type.Object(
  {
    id: Type.String({ ...Id, description: "Of the other person or the group." }),
    peer: Type.Union([Type.Ref("User"), Type.Null()], { description: "Null: it is a group." }),
    group: Type.Union([Type.Ref("Group"), Type.Null()]),
    latest: Type.Ref("Message"),
    unread: Type.Integer(),
    mentions: Type.Integer({ description: "How many of the unread ones mention the caller." }),
    muted: Type.Boolean({
      description: "What is said in it does not count in `GET /me/unread`, but for what mentions the caller.",
    }),
    readUpTo: nullableText(Type.String({ description: "The last message that the caller has read." })),
  },
  { $id: "Conversation" },
);

const Notification = Type.Object(
  {
    id: Type.String({ description: "Of all of one kind about one thing." }),
    kind: oneOf(...(Object.keys(notificationKinds) as NotificationKindName[])),
    position: Type.String({ description: "Grows with each news; up to where one has seen is said with it." }),
    at: Time,
    seen: Type.Boolean(),
    people: Type.Integer({ description: "How many people it is that did it." }),
    actors: Type.Array(Type.Ref("User"), {
      description: "The latest of them, at most 3. Of what moderators do: none.",
    }),
    video: nullable(
      Type.Object({
        id: Id,
        title: Type.String(),
        coverUrl: nullableText(Type.String()),
        kind: oneOf("video", "pictures"),
        failure: nullableText(Type.String({ description: "The reason why it could not be made." })),
      }),
    ),
    commentId: nullableText(Type.String({ description: "The latest comment." })),
  },
  { $id: "Notification" },
);

const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: "A sentence for people." }),
    reason: Type.String({ description: "Stable, for programs: VIDEO_NOT_FOUND." }),
    traceId: Type.String(),
    retryAfterMs: Type.Optional(Type.Integer()),
  },
  { $id: "Problem" },
);

export const pageOf = (item: string) =>
  Type.Object({ items: Type.Array(Type.Ref(item)), nextCursor: nullableText(Type.String()) });

export const PageQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 100, description: "`nextCursor` of the page before." })),
  limit: Type.Integer({ minimum: 1, maximum: 50, default: 20 }),
});
export type PageQuery = Type.Static<typeof PageQuery>;
export const IdParams = Type.Object({ id: Id });

export const sharedSchemas = [
  User,
  Me,
  Session,
  Device,
  Upload,
  DirectUpload,
  Video,
  Comment,
  Message,
  Group,
  GroupMember,
  GroupLink,
  GroupInvitation,
  GivenInvitation,
  MessageReaction,
  FoundMessage,
  Conversation,
  Notification,
  Problem,
];

/** The answers of a route: its own, or a problem. */
export function answers<S extends Record<number, TSchema>>(success: S) {
  return { ...success, default: Type.Ref("Problem") };
}
export const NoContent = Type.Null({ description: "Done." });
