import { type Reason, refusalOf } from "#platform/errors/catalogue.ts";
import type { ErrorKind } from "#platform/errors/domain-error.ts";
import { platformReasons } from "#platform/errors/reasons.ts";

/** The numbers of a kind of refusal in both public APIs: HTTP status, and `status_code` of the classic API. */
export const numbersOfKind: Record<ErrorKind, { status: number; code: number }> = {
  invalid: { status: 422, code: 10000 },
  unauthenticated: { status: 401, code: 10100 },
  forbidden: { status: 403, code: 10300 },
  "not-found": { status: 404, code: 10400 },
  conflict: { status: 409, code: 10500 },
  "too-large": { status: 413, code: 10600 },
  exhausted: { status: 429, code: 20000 },
  deadline: { status: 504, code: 20100 },
  unavailable: { status: 503, code: 20200 },
  internal: { status: 500, code: 20300 },
};

/** Everything that is refused and why. Reasons and codes are part of the API and never change. */
export const reasons = {
  ...platformReasons,

  SWITCHED_OFF: {
    kind: "unavailable",
    says: "This is switched off for the moment. Try again later.",
    retryAfterMs: 60_000,
  },

  // What a proxy says when there is no gateway.
  GATEWAY_UNAVAILABLE: {
    kind: "unavailable",
    says: "The server is not there just now. Try again in a moment.",
    retryAfterMs: 5000,
  },

  // Accounts and sessions.
  NAME_INVALID: {
    kind: "invalid",
    says: "A user name has 1 to 32 characters, some of them visible, and nothing that hides in it; joiners and emoji selectors may stand in it.",
    code: 10101,
  },
  NAME_TAKEN: { kind: "conflict", says: "This name is taken. Choose another one.", code: 10102 },
  PASSWORD_INVALID: { kind: "invalid", says: "A password has {min} to {max} characters.", code: 10103 },
  PASSWORD_TOO_COMMON: {
    kind: "invalid",
    says: "Very many people use this password, so it is guessed first. Choose another one, such as a few unrelated words.",
  },
  PASSWORD_LIKE_NAME: {
    kind: "invalid",
    says: "This password is little more than a name. Choose one that nobody guesses who knows it.",
  },
  SIGNATURE_INVALID: { kind: "invalid", says: "A signature is one line of at most 200 characters." },
  BAD_CREDENTIALS: {
    kind: "unauthenticated",
    says: "The user name or the password is wrong.",
    code: 10104,
  },
  // Not 401: the session is as good as before.
  WRONG_PASSWORD: { kind: "forbidden", says: "The current password is wrong. Type it again." },
  TOO_MANY_ATTEMPTS: {
    kind: "exhausted",
    says: "Too many wrong passwords. Try again in {minutes} min, or from a device or network where you have logged in before.",
  },
  TOKEN_INVALID: {
    kind: "unauthenticated",
    says: "This token is not valid. Log in again.",
    tells: "programs",
    code: 10106,
  },
  TOKEN_EXPIRED: {
    kind: "unauthenticated",
    says: "This token has expired. Refresh it or log in again.",
    tells: "programs",
    code: 10107,
  },
  SESSION_ENDED: { kind: "unauthenticated", says: "This session has ended. Log in again.", code: 10108 },
  SESSION_NOT_FOUND: { kind: "not-found", says: "You have no such session." },
  ACCOUNT_CLOSING: {
    kind: "forbidden",
    says: "This account is being deleted. If that is refused, you can log in again in a moment.",
    code: 10110,
  },
  ACCOUNT_SUSPENDED: {
    kind: "forbidden",
    says: "The moderation team has suspended this account {until}.",
    code: 10111,
  },
  ACCOUNT_MUTED: {
    kind: "forbidden",
    says: "The moderation team has muted you {until}: you can watch, but not publish or write.",
    code: 10112,
  },
  USER_NOT_FOUND: { kind: "not-found", says: "There is no such person.", code: 10109 },
  CROSS_SITE: { kind: "forbidden", says: "Only the pages of this site may do that.", tells: "programs" },

  // Connections.
  FRAME_INVALID: {
    kind: "invalid",
    says: "This is no frame of douya.1; see /api/v1/asyncapi.json.",
    tells: "programs",
  },
  HELLO_LATE: { kind: "deadline", says: "The first frame, hello, did not come in time.", tells: "programs" },
  REALTIME_SLOW: {
    kind: "exhausted",
    says: "The client does not read what it is sent. Connect again and go on from the last entry.",
    tells: "programs",
  },
  SUBSCRIPTIONS_TOO_MANY: {
    kind: "exhausted",
    says: "{what}: a connection watches {max} at once.",
    tells: "programs",
  },
  CONNECTION_REPLACED: {
    kind: "exhausted",
    says: "The same person has opened many other connections since.",
    tells: "programs",
  },

  // Lists and addresses.
  NOT_FOUND: { kind: "not-found", says: "There is nothing here.", tells: "programs" },
  CURSOR_INVALID: {
    kind: "invalid",
    says: "cursor: send `nextCursor` of the page before.",
    tells: "programs",
  },
  MALFORMED_REQUEST: { kind: "invalid", says: "The body is not what its type says.", tells: "programs" },

  // Follows and blocks.
  FOLLOWS_SELF: { kind: "invalid", says: "You cannot follow yourself.", code: 10701 },
  FOLLOWS_TOO_MANY: {
    kind: "conflict",
    says: "One can follow {max} people at most. Unfollow somebody first.",
    code: 10704,
  },
  ALREADY_FOLLOWED: {
    kind: "conflict",
    says: "You follow this person already.",
    tells: "programs",
    code: 10702,
  },
  NOT_FOLLOWED: { kind: "conflict", says: "You do not follow this person.", tells: "programs", code: 10703 },
  BLOCKS_SELF: { kind: "invalid", says: "You cannot block yourself." },
  BLOCKS_TOO_MANY: {
    kind: "conflict",
    says: "One can block {max} people at most. Unblock somebody first.",
  },
  USER_BLOCKED: { kind: "forbidden", says: "You have blocked them. Unblock them first.", code: 10705 },
  BLOCKED_BY_USER: { kind: "forbidden", says: "They do not want to hear from you.", code: 10706 },
  FOLLOWS_BUSY: { kind: "unavailable", says: "Somebody else is ending what is left.", tells: "operators" },
  RANKING_BUSY: {
    kind: "unavailable",
    says: "The ranking is being rebuilt. Try again in a moment.",
    tells: "operators",
    retryAfterMs: 1000,
  },

  // Videos and uploads.
  TITLE_INVALID: {
    kind: "invalid",
    says: "A title has at most 200 characters and no control characters; line breaks become spaces.",
    code: 10201,
  },
  DESCRIPTION_INVALID: {
    kind: "invalid",
    says: "A description has at most 2,000 characters, 100 line breaks and no control characters.",
    code: 10217,
  },
  ALT_INVALID: {
    kind: "invalid",
    says: "What a picture shows is said in at most 300 characters, without line breaks and control characters.",
  },
  PICTURES_TOO_MANY: { kind: "invalid", says: "A post has 1 to {max} pictures, each of them once." },
  PICTURES_NOT_MADE: {
    kind: "conflict",
    says: "The pictures of this post are not ready. Change them when they are.",
  },
  PUBLISH_AT_INVALID: {
    kind: "invalid",
    says: "A video can be published at a time that is still to come, within a year. Choose another time.",
  },
  ALREADY_PUBLISHED: {
    kind: "conflict",
    says: "This video is published already. Set its visibility to private to hide it.",
  },
  VIDEO_NOT_FOUND: {
    kind: "not-found",
    says: "There is no such video, or it is not public.",
    code: 10202,
  },
  MEDIA_URL_EXPIRED: {
    kind: "forbidden",
    says: "This address of a file has expired. Ask for the video again, which has a new one.",
    tells: "programs",
  },
  UPLOAD_NOT_FOUND: {
    kind: "not-found",
    says: "You have no such upload. Uploads are kept for a day; send the file again.",
  },
  UPLOAD_UNKNOWN: {
    kind: "not-found",
    says: "The server does not have this file, or the proof is wrong, too late or used already. Send the file.",
    tells: "programs",
  },
  DIRECT_UPLOADS_UNAVAILABLE: {
    kind: "not-found",
    says: "This server keeps files on its own disk, so nothing can be put past it. Use /uploads or /uploads/tus.",
    tells: "programs",
  },
  UPLOADS_UNFINISHED_TOO_MANY: {
    kind: "exhausted",
    says: "You have {max} uploads that are not finished. Finish or cancel some, or wait until they are thrown away after two days.",
    retryAfterMs: 60_000,
  },
  UPLOAD_LOCKED: {
    kind: "conflict",
    status: 423,
    says: "This upload is being sent over another connection. Ask for its offset again in a moment.",
    tells: "programs",
    retryAfterMs: 1000,
  },
  UPLOAD_TAKEN_OVER: {
    kind: "conflict",
    says: "This upload goes on over another connection.",
    tells: "programs",
  },
  UPLOAD_OFFSET_WRONG: {
    kind: "conflict",
    says: "This upload continues at byte {offset}.",
    tells: "programs",
  },
  TUS_VERSION_UNSUPPORTED: {
    kind: "invalid",
    status: 412,
    says: "This server speaks tus 1.0.0: send the header Tus-Resumable: 1.0.0.",
    tells: "programs",
  },
  PIECE_TYPE_WRONG: {
    kind: "invalid",
    status: 415,
    says: "Send a piece of a file as application/offset+octet-stream.",
    tells: "programs",
  },
  TUS_HEADER_INVALID: {
    kind: "invalid",
    status: 400,
    says: "{header}: {problem}.",
    tells: "programs",
  },
  UNPUBLISHED_TOO_MUCH: {
    kind: "exhausted",
    says: "You have {megabytes} MB that are not published yet, and more is not kept. Publish some, wait until your videos are prepared, or until tomorrow, when what was not published is thrown away.",
    code: 10213,
    retryAfterMs: 60_000,
  },
  QUOTA_EXCEEDED: {
    kind: "too-large",
    says: "You keep {used} MB of the {allowed} MB that you may keep here, and this file does not fit. Posts, drafts and uploads that are not finished all count: delete or cancel some first.",
    code: 10218,
  },
  ADDRESS_UNPUBLISHED_TOO_MUCH: {
    kind: "exhausted",
    says: "From your address come more files than are kept without being published. Publish some, or wait until tomorrow, when what was not published is thrown away.",
    code: 10214,
    retryAfterMs: 60_000,
  },
  PROCESSING_FAILED: {
    kind: "invalid",
    says: "The video could not be converted. Export it again as MP4 and try once more.",
  },
  TRY_FAILED: {
    kind: "unavailable",
    says: "The server could not do it this time. It tries again by itself.",
  },
  RENDITIONS_FAILED: {
    kind: "invalid",
    says: "Not all sizes of this video could be made. It can be watched all the same; the operator can have them made again.",
  },
  VIDEO_HELD: {
    kind: "conflict",
    says: "A moderator has put this video on hold. It cannot be changed or deleted until they have looked at it.",
  },
  NOT_YOURS: { kind: "forbidden", says: "It belongs to somebody else.", code: 10301 },
  MEDIA_JOB_LOST: {
    kind: "conflict",
    says: "Another worker has taken this job over, or the video was deleted.",
    tells: "operators",
  },

  // Reactions and comments.
  ALREADY_LIKED: { kind: "conflict", says: "You like this video already.", tells: "programs", code: 10501 },
  NOT_LIKED: { kind: "conflict", says: "You do not like this video.", tells: "programs", code: 10502 },
  ALREADY_DISLIKED: {
    kind: "conflict",
    says: "You dislike this video already.",
    tells: "programs",
    code: 10503,
  },
  NOT_DISLIKED: { kind: "conflict", says: "You do not dislike this video.", tells: "programs", code: 10504 },
  COMMENT_INVALID: {
    kind: "invalid",
    says: "A comment has 1 to 500 characters, at most 20 line breaks and no control characters.",
    code: 10801,
  },
  COMMENT_NOT_FOUND: { kind: "not-found", says: "There is no such comment on this video.", code: 10802 },
  // What players tell of what is watched, by entry; none of it is counted.
  PLAY_TOKEN_INVALID: { kind: "invalid", says: "This is no token of a session.", tells: "programs" },
  PLAY_TOKEN_EXPIRED: {
    kind: "invalid",
    says: "This session began more than six hours ago. Begin another one.",
    tells: "programs",
  },
  PLAY_TOKEN_FOREIGN: { kind: "invalid", says: "This session is somebody else's.", tells: "programs" },
  PLAY_TOO_LONG: {
    kind: "invalid",
    says: "Nobody can have watched so much since the session began.",
    tells: "programs",
  },
  PLAY_POSITION_INVALID: {
    kind: "invalid",
    says: "A position is within the video, in milliseconds.",
    tells: "programs",
  },

  COMMENTS_CLOSED: {
    kind: "conflict",
    says: "The author of this video allows no more comments on it.",
    code: 10803,
  },
  COMMENTS_LOCKED: {
    kind: "forbidden",
    says: "The moderators have locked the comments of this video, so you cannot open them.",
  },
  COMMENT_IS_REPLY: {
    kind: "invalid",
    says: "Only a comment can be pinned. This is a reply to one.",
    tells: "programs",
  },
  DOWNLOADS_NOT_ALLOWED: {
    kind: "forbidden",
    says: "The author of this video does not want it to be saved.",
  },
  REPOSTS_OWN: { kind: "invalid", says: "You cannot repost your own video." },
  REPOSTS_PUBLIC_ONLY: { kind: "conflict", says: "Only a public video can be reposted." },
  REPORT_INVALID: { kind: "invalid", says: "A report is one line of at most 200 characters." },
  ACT_INVALID: { kind: "invalid", says: "This cannot be done about this.", tells: "programs" },
  MODERATES_OWN: {
    kind: "forbidden",
    says: "Nobody decides about what is their own. Leave it to a colleague.",
  },
  CLAIMED_BY_ANOTHER: { kind: "conflict", says: "Somebody else is looking at this. Take the next one." },
  APPEALED_ALREADY: {
    kind: "conflict",
    says: "You have asked for another look at this. You are told what comes of it.",
  },
  REPORTS_OWN: {
    kind: "invalid",
    says: "You cannot report what you have written yourself. Delete it instead.",
  },

  // Messages.
  MESSAGE_INVALID: {
    kind: "invalid",
    says: "A message has 1 to 2,000 characters and no control characters but line breaks and tabs.",
    code: 10901,
  },
  WRITES_TO_SELF: { kind: "invalid", says: "You cannot write to yourself.", code: 10902 },
  PICTURES_SENT_TOO_MANY: {
    kind: "exhausted",
    says: "You can send {max} pictures in messages a day. Send more tomorrow.",
  },
  STRANGER_LIMIT: {
    kind: "forbidden",
    says: "You can send {max} messages to somebody who is not your friend. Wait until they answer, or follow each other.",
    code: 10903,
  },
  MESSAGE_NOT_FOUND: { kind: "not-found", says: "This message does not exist, or not any more." },
  MESSAGE_RECALLED: { kind: "conflict", says: "This message was taken back." },
  RECALL_TOO_LATE: {
    kind: "conflict",
    says: "A message can be taken back within {minutes} minutes. You can still delete it for yourself.",
  },
  SEARCH_INVALID: { kind: "invalid", says: "Search for 2 to 64 characters." },
  REACTION_INVALID: { kind: "invalid", says: "A reaction is one emoji." },
  REACTIONS_TOO_MANY: {
    kind: "conflict",
    says: "A message has {kinds} kinds of reactions at most, {own} of them yours.",
  },
  GROUP_NAME_INVALID: {
    kind: "invalid",
    says: "A group's name is one line of 1 to 40 characters.",
  },
  ANNOUNCEMENT_INVALID: {
    kind: "invalid",
    says: "An announcement has at most 500 characters and no control characters but line breaks and tabs.",
  },
  GROUP_NOT_FOUND: { kind: "not-found", says: "There is no such group." },
  NOT_IN_GROUP: { kind: "forbidden", says: "You are not in this group." },
  MEMBER_NOT_FOUND: { kind: "not-found", says: "They are not in this group." },
  GROUP_TAKEN_DOWN: {
    kind: "forbidden",
    says: "The moderators have taken this group down. Nobody can write in it or come into it.",
  },
  GROUP_ADMINS_ONLY: { kind: "forbidden", says: "Only the owner and the admins of this group can do this." },
  GROUP_OWNER_ONLY: { kind: "forbidden", says: "Only the owner of this group can do this." },
  OWNER_STAYS: {
    kind: "conflict",
    says: "A group has one owner. Make somebody else the owner first.",
  },
  GROUP_FULL: { kind: "conflict", says: "A group has {max} people at most." },
  GROUPS_TOO_MANY: { kind: "conflict", says: "One can be in {max} groups at most. Leave one first." },
  MUTED_IN_GROUP: { kind: "forbidden", says: "An admin of this group has muted you for some time." },
  REMOVED_FROM_GROUP: {
    kind: "forbidden",
    says: "You were removed from this group. Ask one of its admins to add you.",
  },
  LINK_NOT_FOUND: {
    kind: "not-found",
    says: "This link leads to no group any more. Ask for a new one.",
  },
  INVITATIONS_TOO_MANY: {
    kind: "conflict",
    says: "They were invited often enough, or you have invited too many people. Send them the link of the group.",
  },
  INVITATION_NOT_FOUND: { kind: "not-found", says: "This invitation does not exist any more." },

  // Notifications.
  PUSH_SUBSCRIPTION_INVALID: {
    kind: "invalid",
    says: "This is no subscription that messages can be pushed to: it has an https address on the Internet, and two keys.",
  },

  // One's own data.
  EXPORT_TOO_SOON: { kind: "exhausted", says: "Your data can be put together once a day." },

  // Commands and settings.
  ARGUMENT_INVALID: {
    kind: "invalid",
    says: "The command does not understand an argument; the sentence names it.",
    tells: "operators",
  },
  TARGET_UNKNOWN: {
    kind: "invalid",
    says: 'There is no target "{name}". Choose from: {known}.',
    tells: "operators",
  },
  SECRET_TOO_SHORT: {
    kind: "invalid",
    says: "The secret in {path} has fewer than 32 bytes. Put the one of a backup there; or remove the file: then a new one is made, and nobody is logged out.",
    tells: "operators",
  },
  PROFILE_REFUSED: {
    kind: "unavailable",
    says: "{origin} gives no profile: {what}",
    tells: "operators",
  },
  CLUSTER_LACKS_PROGRAMS: {
    kind: "unavailable",
    says: "A cluster needs {missing}, which this machine does not have. Debian and Ubuntu: sudo apt-get install {debian}. Fedora: sudo dnf install {fedora}. macOS: brew install {brew}. Without them, npm start runs all of Douya in one process.",
    tells: "operators",
  },
  CLUSTER_RUNS: {
    kind: "conflict",
    says: "A cluster runs in {dir} already: process {pid}, {origin}. Stop it with Ctrl-C or: npx douya cluster stop --data {dir}. Or choose another folder with --data.",
    tells: "operators",
  },
  CLUSTER_ABSENT: {
    kind: "not-found",
    says: "There is no cluster in {dir}. Name its folder with --data, or start one: npm run cluster -- --data {dir}",
    tells: "operators",
  },
  CLUSTER_PORT_TAKEN: {
    kind: "conflict",
    says: "Port {port}, which {name} of this cluster uses, is taken by another program. Stop that one.{otherwise}",
    tells: "operators",
  },
  CLUSTER_PART_FAILED: {
    kind: "unavailable",
    says: "{name} did not start. Its log, {log}, ends with: {said}",
    tells: "operators",
  },
  CLUSTER_OPTION_INVALID: {
    kind: "invalid",
    says: "{what} Say: npm run cluster -- --data FOLDER --port NUMBER, or: npx douya cluster ps --data FOLDER --json, or: npx douya cluster stop --data FOLDER",
    tells: "operators",
  },
  ADDRESS_FORBIDDEN: {
    kind: "forbidden",
    says: "Port {port} needs more rights. Set DOUYA_PORT to one above 1023.",
    tells: "operators",
  },
  ADDRESS_UNKNOWN: {
    kind: "invalid",
    says: "{host} is no address of this machine. Set DOUYA_HOST to one that is.",
    tells: "operators",
  },
  NO_CLIPS: {
    kind: "invalid",
    says: "There is no published video yet whose clip the made-up ones could show.",
    tells: "operators",
  },
  REBUILD_FAILED: {
    kind: "internal",
    says: "{name} could not be rebuilt: {why}. Ask again to go on.",
    tells: "operators",
  },
  NOBODY_REBUILDS: {
    kind: "unavailable",
    says: "No process runs the module {module}. It is done as soon as one starts.",
    tells: "operators",
  },
} as const satisfies Record<string, Reason>;

export const refusal = refusalOf(reasons);
