import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { isAbsolute, resolve } from "node:path";
import { parseEnv } from "node:util";
import { closest } from "fastest-levenshtein";
import { limitNames } from "#contracts/limit-names.ts";
import { refusal } from "#contracts/reasons.ts";
import { switches } from "#contracts/switches.ts";
import { parseTrustProxy } from "#platform/http/client-address.ts";
import type { RateLimitOptions } from "#platform/protect/rate-limit.ts";
import { isColour } from "#platform/registry/colour.ts";
import { isHostAndPort } from "#platform/registry/host-and-port.ts";
import type { LiveDeclarations, LiveSetting } from "#platform/settings/live-settings.ts";

interface Key<T> {
  name: string;
  fallback: string;
  meaning: string;
  /** Not shown by `douya config`. */
  secret?: boolean;
  parse(text: string): T;
}

const cores = availableParallelism();

/** Every setting. The environment overrides the file, the file overrides the default. */
const keys = {
  host: key("DOUYA_HOST", "127.0.0.1", "Address to listen on; 0.0.0.0 lets others in.", text),
  port: key("DOUYA_PORT", "8080", "Port of the website and the API.", port),
  dataDir: key("DOUYA_DATA", "./data", "Folder for everything that lasts.", (value) => resolve(value)),
  publicUrl: key(
    "DOUYA_PUBLIC_URL",
    "",
    "What links begin with, https://example.org; empty: what the visitor asked for.",
    url,
  ),
  mediaUrl: key(
    "DOUYA_MEDIA_URL",
    "",
    "What the URLs of public videos and pictures begin with: a CDN in front of DOUYA_PUBLIC_URL, https://cdn.example.org or https://example.org/cdn; empty: as other links do.",
    mediaUrl,
  ),
  mediaCacheSeconds: key(
    "DOUYA_MEDIA_CACHE_SECONDS",
    "10",
    "How long what is at DOUYA_MEDIA_URL may keep a file before it asks whether it is still public; 0: it asks each time.",
    (value) => (value === "0" ? 0 : whole(value)),
  ),
  realtimeUrls: key(
    "DOUYA_REALTIME_URLS",
    "",
    "Where clients connect for what reaches them while it happens, each with its share: wss://a.example.org=2,wss://b.example.org=1; empty: where they ask.",
    realtimeUrls,
  ),
  pushContact: key(
    "DOUYA_PUSH_CONTACT",
    "",
    "Whom push services write to when something is wrong: mailto:admin@example.org or an https URL; empty: DOUYA_PUBLIC_URL.",
    (value) => {
      if (value && !/^(mailto:[^@\s]+@[^@\s]+|https:\/\/\S+)$/.test(value))
        throw new Error("must be like mailto:admin@example.org or https://example.org");
      return value;
    },
  ),
  pushPrivate: key(
    "DOUYA_PUSH_PRIVATE",
    "off",
    "Whether pushes may go to addresses in our own network and by plain http: on for tests only.",
    onOff,
  ),
  limits: key("DOUYA_LIMITS", "on", "Rate limits; off for load tests only.", onOff),
  timeZone: key(
    "DOUYA_TZ",
    "",
    "Whose calendar the classic API's dates of comments follow: a zone like Asia/Shanghai; empty: this machine's.",
    timeZone,
  ),
  trustProxy: key(
    "DOUYA_TRUST_PROXY",
    "off",
    "Proxies whose X-Forwarded-For and -Proto are believed: how many (on: 1), or their networks, 10.0.0.0/8,::1.",
    parseTrustProxy,
  ),
  blobs: key(
    "DOUYA_BLOBS",
    "disk",
    "Where videos and pictures are kept: disk (in the data folder) or s3 (in DOUYA_S3_BUCKET).",
    oneOf("disk", "s3"),
  ),
  blobDirs: key(
    "DOUYA_BLOB_DIRS",
    "",
    "Folders on several disks for videos and pictures, with commas: /mnt/a,/mnt/b. A new file goes to the one with the most room; those in the data folder are read still.",
    (value) => {
      const dirs = value
        .split(",")
        .map((dir) => dir.trim())
        .filter(Boolean);
      if (!dirs.every(isAbsolute)) throw new Error("must be absolute paths, separated by commas");
      const folders = dirs.map((dir) => resolve(dir));
      const overlap = (a: string, b: string) => a !== b && b.startsWith(a === "/" ? a : `${a}/`);
      if (new Set(folders).size < folders.length || folders.some((a) => folders.some((b) => overlap(a, b))))
        throw new Error("must be folders of which none is another one or within it");
      return folders;
    },
  ),
  s3Endpoint: key(
    "DOUYA_S3_ENDPOINT",
    "",
    "Address of an S3, without the bucket: https://s3.example.org.",
    url,
  ),
  s3PublicEndpoint: key(
    "DOUYA_S3_PUBLIC_ENDPOINT",
    "",
    "Address of that S3 for browsers and apps, where it is another one; empty: DOUYA_S3_ENDPOINT.",
    url,
  ),
  s3Bucket: key("DOUYA_S3_BUCKET", "", "The bucket, which is for this installation alone.", s3Bucket),
  s3Region: key("DOUYA_S3_REGION", "us-east-1", "The region that requests to S3 are signed for.", text),
  s3AccessKey: key("DOUYA_S3_ACCESS_KEY", "", "The name of the key to S3.", text, true),
  s3SecretKey: key("DOUYA_S3_SECRET_KEY", "", "The key to S3.", text, true),
  s3PathStyle: key(
    "DOUYA_S3_PATH_STYLE",
    "on",
    "on: https://host/bucket; off: https://bucket.host, as AWS wants it.",
    onOff,
  ),
  s3Redirect: key(
    "DOUYA_S3_REDIRECT",
    "off",
    "on: files are loaded from S3 itself by redirects to short-lived URLs, so DOUYA_S3_PUBLIC_ENDPOINT must be reachable for everybody.",
    onOff,
  ),
  databaseUrl: key(
    "DOUYA_DATABASE_URL",
    "",
    "A PostgreSQL of yours, several servers with commas: postgres://user:password@a:5432,b:5432/name; empty: our own, in the data folder.",
    text,
    true,
  ),
  databaseReplicaUrls: key(
    "DOUYA_DATABASE_REPLICA_URLS",
    "",
    "Streaming replicas of DOUYA_DATABASE_URL that answer reads, with commas: postgres://user:password@b:5432/name,postgres://…; needs DOUYA_DATABASE_URL.",
    connectionStrings,
    true,
  ),
  userDatabaseUrl: moduleDatabase("user"),
  relationDatabaseUrl: moduleDatabase("relation"),
  videoDatabaseUrl: moduleDatabase("video"),
  interactionDatabaseUrl: moduleDatabase("interaction"),
  playbackDatabaseUrl: moduleDatabase("playback"),
  moderationDatabaseUrl: moduleDatabase("moderation"),
  messageDatabaseUrl: moduleDatabase("message"),
  feedDatabaseUrl: moduleDatabase("feed"),
  maxUploadBytes: key("DOUYA_MAX_UPLOAD_MB", "2048", "Largest file that may be uploaded, in MB.", megabytes),
  quotaBytes: key(
    "DOUYA_QUOTA_BYTES",
    "0",
    "How many bytes of uploaded files a person may keep; 0: no limit.",
    (value) => {
      if (!/^\d{1,15}$/.test(value)) throw new Error("must be a whole number of bytes, or 0");
      return Number(value);
    },
  ),
  maxVideoMs: key(
    "DOUYA_MAX_VIDEO_SECONDS",
    "900",
    "Longest video, in seconds.",
    (value) => whole(value) * 1000,
  ),
  mediaWorkers: key(
    "DOUYA_MEDIA_WORKERS",
    String(Math.max(1, cores - 1)),
    "Videos processed at once that take long, and one more that does not; 0: none here, processes of --target=media do it.",
    (value) => (value === "0" ? 0 : whole(value)),
  ),
  rungShortSidesPx: key(
    "DOUYA_RUNGS",
    "360,480,720,1080",
    "Short sides, in pixels, of what is made of a published video for lines of different speed (HLS); none: its MP4 only.",
    rungs,
  ),
  keepSources: key(
    "DOUYA_KEEP_SOURCES",
    "auto",
    "Whether the files that were sent stay once their videos are made; auto: those that contain more than what is published; on: all, so that a file that is here need not be sent again; off: none.",
    oneOf("auto", "on", "off"),
  ),
  loudnessLufs: key(
    "DOUYA_LOUDNESS",
    "-14",
    "How loud, in LUFS (EBU R128), the sound of what DOUYA_RUNGS says is made; off: as it came.",
    lufs,
  ),
  encoder: key(
    "DOUYA_ENCODER",
    "auto",
    "auto: what DOUYA_RUNGS says is encoded by hardware of this machine where that works (douya doctor tells); software: never.",
    oneOf("auto", "software"),
  ),
  maxProcessingMs: key(
    "DOUYA_MAX_PROCESSING_MINUTES",
    "20",
    "A video that would take this machine longer to process, by its pixels and frames, is refused.",
    (value) => whole(value) * 60_000,
  ),
  ffmpeg: key(
    "DOUYA_FFMPEG",
    "",
    "Path of an ffmpeg; empty: the one on the PATH, or the libraries that come along.",
    text,
  ),
  feedPullFollowers: key(
    "DOUYA_FEED_PULL_FOLLOWERS",
    "5000",
    "An author with so many followers is pulled from instead of delivering to each of them.",
    whole,
  ),
  viewsPerViewer: key(
    "DOUYA_VIEWS_PER_VIEWER",
    "10",
    "How many views of one video one person or guest makes on a day, at most; what they watch beyond is a play.",
    whole,
  ),
  playsKeptDays: key(
    "DOUYA_PLAYS_KEPT_DAYS",
    "30",
    "For so many days the database has what players told of each play, with no names; then it is in an archive beside the videos for a year.",
    whole,
  ),
  feedMaxSources: key(
    "DOUYA_FEED_MAX_SOURCES",
    "2000",
    "A person who follows more people than this gets deliveries from this many of them: the ones they interact with, and the newest.",
    whole,
  ),
  stalledMs: key(
    "DOUYA_STALLED_SECONDS",
    "60",
    "How long events may wait, in seconds, before /readyz says that their consumers do not get on.",
    (value) => whole(value) * 1000,
  ),
  rpcHost: key("DOUYA_RPC_HOST", "127.0.0.1", "Address for calls between processes.", text),
  rpcPort: key("DOUYA_RPC_PORT", "9090", "Port for calls between processes; 0: any.", port),
  rpcPlaintext: key(
    "DOUYA_RPC_PLAINTEXT",
    "refused",
    "allowed: calls between processes may leave this machine unencrypted, in a network that nobody else is in.",
    allowedOrRefused,
  ),
  tlsCert: key(
    "DOUYA_TLS_CERT",
    "",
    "PEM file with the certificate of this process for calls between processes; with DOUYA_TLS_KEY and DOUYA_TLS_CA.",
    text,
  ),
  tlsKey: key("DOUYA_TLS_KEY", "", "PEM file with the key of DOUYA_TLS_CERT.", text),
  tlsCa: key("DOUYA_TLS_CA", "", "PEM file with who signs the certificates of all processes.", text),
  tlsPeerName: key(
    "DOUYA_TLS_PEER_NAME",
    "",
    "The name that the certificates of other processes are issued to; empty: the address that is called.",
    text,
  ),
  engineCa: key(
    "DOUYA_ENGINE_CA",
    "",
    "PEM file with who signs the certificates of etcd, NATS and Redis, for https://, tls:// and rediss:// addresses; empty: whom the system trusts. PostgreSQL has its own: ?sslmode=verify-full&sslrootcert=FILE.",
    text,
  ),
  engineCert: key(
    "DOUYA_ENGINE_CERT",
    "",
    "PEM file with the certificate that this process shows to etcd, NATS and Redis; with DOUYA_ENGINE_KEY.",
    text,
  ),
  engineKey: key("DOUYA_ENGINE_KEY", "", "PEM file with the key of DOUYA_ENGINE_CERT.", text),
  unsigned: key(
    "DOUYA_UNSIGNED",
    "refused",
    "allowed: announcements in etcd and events in NATS that bear no signature are believed, while processes of a version that signs neither run beside this one.",
    allowedOrRefused,
  ),
  services: key(
    "DOUYA_SERVICES",
    "",
    "Where modules of other processes are: user=host:port,video=host:port. One that runs at several is listed for each.",
    text,
  ),
  rpcAddress: key(
    "DOUYA_RPC_ADDRESS",
    "",
    "host:port at which other processes call this one, where that is not DOUYA_RPC_HOST and DOUYA_RPC_PORT; needs DOUYA_ETCD_URL.",
    hostAndPort,
  ),
  colour: key(
    "DOUYA_COLOUR",
    "",
    "The traffic colour that this process is there for, so that only calls of that colour reach it; needs DOUYA_ETCD_URL (in DOUYA_SERVICES: user/canary=host:port).",
    ownColour,
  ),
  colours: key(
    "DOUYA_COLOURS",
    "",
    "Colours that a request may ask for with the header x-douya-colour, and who may: canary=moderators,preview=everybody.",
    colourRights,
  ),
  limitRates: key(
    "DOUYA_LIMIT_RATES",
    "",
    "Rates of limits other than their own, so many at once and so many a minute: comments=40/20,reactions=200/100.",
    limitRates,
  ),
  switchedOff: key(
    "DOUYA_SWITCHED_OFF",
    "",
    `What to do without, with commas, until it is taken off this list: ${Object.keys(switches).join(", ")}.`,
    switchedOff,
  ),
  etcdUrl: key(
    "DOUYA_ETCD_URL",
    "",
    "etcd, through which processes find each other instead of by DOUYA_SERVICES: http://host:2379 (https:// encrypts), its members with commas.",
    text,
    true,
  ),
  etcdPrefix: key(
    "DOUYA_ETCD_PREFIX",
    "/douya/",
    "What the keys in etcd begin with; another one for each installation that shares an etcd.",
    etcdPrefix,
  ),
  redisUrl: key(
    "DOUYA_REDIS_URL",
    "",
    "Redis, in which processes share caches, limits and word of ended sessions: redis://host:6379 (rediss:// encrypts), redis+sentinel://h1,h2/primary or redis+cluster://h1,h2.",
    text,
    true,
  ),
  natsUrl: key(
    "DOUYA_NATS_URL",
    "",
    "NATS with JetStream, which carries events between processes and databases: nats://host:4222 (tls:// encrypts), its servers with commas, credentials as user:password@ or token@ in the first.",
    text,
    true,
  ),
  clusterSecret: key(
    "DOUYA_CLUSTER_SECRET",
    "",
    "What processes prove themselves with and signing keys are encrypted with, at least 32 bytes; empty: one made in the data folder.",
    strongSecret,
    true,
  ),
  backupTo: key(
    "DOUYA_BACKUP_TO",
    "",
    "Where backups are, a folder or s3://bucket/prefix, when a command does not say it; douya doctor looks after them there.",
    text,
  ),
  backupKey: key(
    "DOUYA_BACKUP_KEY",
    "",
    "What backups are encrypted with, at least 32 bytes; keep it elsewhere too, since without it nobody reads them; empty: they are not encrypted.",
    strongSecret,
    true,
  ),
  keyRotationMs: key(
    "DOUYA_KEY_ROTATION_DAYS",
    "30",
    "After so many days, 1 to 30, another key signs access tokens; the ones before go on verifying theirs.",
    rotationDays,
  ),
  metricsToken: key(
    "DOUYA_METRICS_TOKEN",
    "",
    "Lets a scraper on another machine read /metrics.",
    text,
    true,
  ),
  logLevel: key("DOUYA_LOG_LEVEL", "warn", "trace, debug, info, warn, error or silent.", level),
};

/** Where programs of this machine are searched. */
export const searchPath = process.env.PATH;

/** Our own environment for a process that we start, with these settings. */
export function environmentWith(settings: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, ...settings };
}

export type Config = { [K in keyof typeof keys]: ReturnType<(typeof keys)[K]["parse"]> };

/** Reads the configuration. Error: CONFIG_INVALID, naming the key. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const values = textValues(env);
  const config: Record<string, unknown> = {};
  for (const [field, entry] of Object.entries(keys)) {
    const { value, source } = values.get(entry.name)!;
    try {
      config[field] = entry.parse(value);
    } catch (error) {
      const where = source === "default" ? "" : ` (from the ${source})`;
      throw refusal(
        "CONFIG_INVALID",
        `${entry.name}=${entry.secret ? "…" : value}${where}: ${(error as Error).message}.`,
      );
    }
  }
  return config as Config;
}

/** The settings that may change while processes run, a line each. */
export function liveSettings(config: Config): LiveDeclarations {
  const live = <T>({ name, parse }: Key<T>, started: T): LiveSetting<T> => ({ name, parse, started });
  return {
    logLevel: live(keys.logLevel, config.logLevel),
    colours: live(keys.colours, config.colours),
    limitRates: live(keys.limitRates, config.limitRates),
    switchedOff: live(keys.switchedOff, config.switchedOff),
  };
}

/** Every setting with its value, its source, its default, its meaning and what is wrong with the value. */
export function describeConfig(env: NodeJS.ProcessEnv = process.env) {
  const values = textValues(env);
  return Object.values(keys).map((entry) => {
    const { value, source } = values.get(entry.name)!;
    const shown = entry.secret && value ? "(set)" : value;
    const { name, fallback, meaning } = entry;
    return { name, value: shown, source, fallback, meaning, problem: problemWith(entry, value) };
  });
}

function problemWith(entry: Key<unknown>, value: string): string | undefined {
  try {
    entry.parse(value);
  } catch (error) {
    return (error as Error).message;
  }
}

/** A sentence about each setting that does not exist, with the one that was probably meant. */
export function unknownSettings(env: NodeJS.ProcessEnv = process.env): string[] {
  const known = ["DOUYA_CONFIG", ...Object.values(keys).map(({ name }) => name)];
  const given = { environment: Object.keys(env), file: Object.keys(configFile(env)) };
  return Object.entries(given).flatMap(([source, names]) =>
    names
      .filter((name) => name.startsWith("DOUYA_") && !known.includes(name))
      .map((name) => `${name} (from the ${source}) is not a setting. Did you mean ${closest(name, known)}?`),
  );
}

function textValues(env: NodeJS.ProcessEnv) {
  const file = configFile(env);
  return new Map(
    Object.values(keys).map((entry) => {
      const fromEnv = env[entry.name];
      const fromFile = file[entry.name];
      if (fromEnv !== undefined) return [entry.name, { value: fromEnv, source: "environment" }];
      if (fromFile !== undefined) return [entry.name, { value: fromFile, source: "file" }];
      return [entry.name, { value: entry.fallback, source: "default" }];
    }),
  );
}

function configFile(env: NodeJS.ProcessEnv): NodeJS.Dict<string> {
  return readFile(env.DOUYA_CONFIG ?? "douya.env", env.DOUYA_CONFIG !== undefined);
}

function readFile(path: string, mustExist: boolean): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (error) {
    if (!mustExist && (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw refusal(
      "CONFIG_INVALID",
      `The configuration file ${path} cannot be read: ${(error as Error).message}.`,
    );
  }
}

function key<T>(
  name: string,
  fallback: string,
  meaning: string,
  parse: (text: string) => T,
  secret = false,
): Key<T> {
  return { name, fallback, meaning, parse, secret };
}

function moduleDatabase(module: string): Key<string> {
  return key(
    `DOUYA_DATABASE_URL_${module.toUpperCase()}`,
    "",
    `A PostgreSQL for the module ${module} alone; empty: where the others are, or where it was moved.`,
    postgresUrl,
    true,
  );
}

function text(value: string): string {
  return value;
}

/** A comma may be part of one, so the next begins with its scheme. */
function connectionStrings(value: string): string[] {
  const each = value.split(/,(?=postgres(?:ql)?:)/).filter((one) => one !== "");
  for (const one of each)
    if (!/^postgres(?:ql)?:\/\/[^,]+$/.test(one))
      throw new Error(
        "must be connection strings of one server each: postgres://user:password@host:5432/name",
      );
  return each;
}

function postgresUrl(value: string): string {
  if (value !== "" && !/^postgres(ql)?:\/\//.test(value)) throw new Error("must begin with postgres://");
  return value;
}

/** A secret that can be guessed would let anybody speak for any module. */
function strongSecret(value: string): string {
  if (value.startsWith("replace-this"))
    throw new Error("is still that of the example; make one with: openssl rand -base64 32");
  if (value !== "" && Buffer.byteLength(value) < 32)
    throw new Error("must have at least 32 bytes; make one with: openssl rand -base64 32");
  return value;
}

function whole(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new Error("must be a whole number above 0");
  return Number(value);
}

function rungs(value: string): number[] {
  if (value === "none") return [];
  const sides = value.split(",").map(Number);
  const isRung = (side: number) => Number.isInteger(side) && side >= 90 && side <= 2160 && side % 2 === 0;
  if (sides.length > 6 || !sides.every(isRung) || new Set(sides).size < sides.length)
    throw new Error("must be none, or up to 6 different even numbers from 90 to 2160 with commas");
  return sides.sort((a, b) => a - b);
}

function lufs(value: string): number | null {
  if (value === "off") return null;
  if (!/^-\d{1,2}(\.\d)?$/.test(value) || Number(value) > -5 || Number(value) < -30)
    throw new Error("must be off, or a number from -30 to -5");
  return Number(value);
}

/** Not longer than a token lasts, so that a key has ended when it is removed. */
function rotationDays(value: string): number {
  if (!/^[1-9]\d?$/.test(value) || Number(value) > 30) throw new Error("must be a whole number from 1 to 30");
  return Number(value) * 24 * 3_600_000;
}

function megabytes(value: string): number {
  return whole(value) * 1024 * 1024;
}

function allowedOrRefused(value: string): boolean {
  return oneOf("allowed", "refused")(value) === "allowed";
}

function hostAndPort(value: string): string {
  if (value !== "" && !isHostAndPort(value))
    throw new Error("must be host:port, with an IPv6 address in brackets: [fd00::5]:9090");
  return value;
}

function etcdPrefix(value: string): string {
  if (!/^(?:\/[\w-]{1,64}){1,8}\/$/.test(value))
    throw new Error("must be like /douya/, beginning and ending with a slash");
  return value;
}

function port(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new Error("must be a port from 0 to 65535");
  return Number(value);
}

function ownColour(value: string): string | undefined {
  if (value !== "" && !isColour(value)) throw new Error("must be of a-z, 0-9 and -, at most 32 characters");
  return value || undefined;
}

function colourRights(value: string): Map<string, "moderators" | "everybody"> {
  return new Map(
    listOf(value).map((entry) => {
      const [name = "", who, ...more] = entry.split("=");
      if (!isColour(name) || (who !== "moderators" && who !== "everybody") || more.length > 0)
        throw new Error("must be like canary=moderators,preview=everybody");
      return [name, who];
    }),
  );
}

function limitRates(value: string): Map<string, RateLimitOptions> {
  return new Map(
    listOf(value).map((entry) => {
      const [, name = "", burst, perMinute] = /^([a-z ]{1,40})=(\d{1,6})\/(\d{1,6})$/.exec(entry) ?? [];
      if (!(limitNames as readonly string[]).includes(name) || Number(burst) < 1 || Number(perMinute) < 1)
        throw new Error(
          `must be like comments=40/20 with numbers above 0; there are ${limitNames.join(", ")}`,
        );
      return [name, { burst: Number(burst), perMinute: Number(perMinute) }];
    }),
  );
}

function switchedOff(value: string): Set<string> {
  const names = listOf(value);
  const known = Object.keys(switches);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`must be of ${known.join(", ")}`);
  return new Set(names);
}

function listOf(value: string): string[] {
  return value
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
}

function s3Bucket(value: string): string {
  if (value !== "" && !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value))
    throw new Error("must be of a-z, 0-9, - and ., 3 to 63 characters");
  return value;
}

function onOff(value: string): boolean {
  return oneOf("on", "off")(value) === "on";
}

function oneOf<Value extends string>(...values: Value[]): (text: string) => Value {
  return (text) => {
    const value = values.find((one) => one === text);
    if (value === undefined) throw new Error(`must be ${values.slice(0, -1).join(", ")} or ${values.at(-1)}`);
    return value;
  };
}

function level(value: string): string {
  if (!/^(trace|debug|info|warn|error|silent)$/.test(value)) throw new Error("must be a log level");
  return value;
}

function timeZone(value: string): string {
  try {
    const own = value === "" ? {} : { timeZone: value };
    return new Intl.DateTimeFormat("en", own).resolvedOptions().timeZone;
  } catch {
    throw new Error("must be a time zone like Asia/Shanghai");
  }
}

function mediaUrl(value: string): string {
  if (value && !(/^https?:\/\/[\w.:[\]-]+(\/[\w.~-]+)*$/.test(value) && URL.canParse(value)))
    throw new Error("must be like https://cdn.example.org or https://example.org/cdn, without / at its end");
  return value && new URL(value).href.replace(/\/$/, "");
}

function realtimeUrls(value: string): { url: string; weight: number }[] {
  if (!value) return [];
  return value.split(",").map((one) => {
    const [, url, weight = "1"] = /^(wss?:\/\/[\w.:[\]-]+)(?:=(\d{1,4}))?$/.exec(one.trim()) ?? [];
    if (!url || !URL.canParse(url) || weight === "0")
      throw new Error("must be like wss://a.example.org=2,wss://b.example.org=1, without paths");
    return { url, weight: Number(weight) };
  });
}

function url(value: string): string {
  if (value && !/^https?:\/\/[^/]+$/.test(value))
    throw new Error("must be like https://example.org, without a path");
  return value;
}
