import { connect, type OutgoingHttpHeaders } from "node:http2";
import { create, type DescField, type DescMessage, ScalarType, toBinary } from "@bufbuild/protobuf";
import { patienceMs } from "#platform/testing/patience.ts";
import type { Random } from "#platform/testing/random.ts";

/** A method as other processes call it. */
export interface Callable {
  path: string;
  input: DescMessage;
  /** Tokens of modules that may call it. */
  tokens: string[];
}

/** A call between processes as sent on the wire; it need not be valid. */
export interface HostileCall {
  headers: OutgoingHttpHeaders;
  chunks: Buffer[];
  /** Whether the sender ends the stream; if not it continues, or only waits. */
  end: "yes" | "goes on" | "waits";
  /** Its headers are those of a module that may make the call. */
  trusted: boolean;
}

interface CallAnswer {
  /** grpc-status; undefined if the stream was closed without one, "none" if nothing came for a long time. */
  status: string | undefined;
  reason: string | undefined;
  http: number | undefined;
}

/** A call that resembles an expected one, with one or several defects. */
export function hostileCall(random: Random, method: Callable, forged: string[], ids: string[]): HostileCall {
  const trusted = random.chance(0.4);
  const token = trusted ? random.of(method.tokens) : random.of([undefined, ...forged]);
  const path = trusted || random.chance(0.9) ? method.path : random.of(ODD_PATHS);
  const headers: OutgoingHttpHeaders = {
    ":method": trusted || random.chance(0.95) ? "POST" : random.of(["GET", "PUT", "OPTIONS"]),
    ":path": path,
    "content-type": trusted || random.chance(0.95) ? "application/grpc" : random.of(TYPES),
    te: "trailers",
  };
  if (token !== undefined) headers.authorization = token;
  if (random.chance(0.7)) headers["douya-caller"] = random.of([...ids, ...ODD_TEXTS]);
  if (random.chance(0.3)) headers["douya-moderator"] = random.of(["yes", "YES", ""]);
  if (random.chance(0.5))
    headers.traceparent = random.of([`00-${"0".repeat(32)}-${"0".repeat(16)}-01`, "x", ""]);
  if (random.chance(0.2)) headers["douya-priority"] = random.of(["essential", "most", ""]);
  if (random.chance(0.4)) headers["grpc-timeout"] = random.of(TIMEOUTS);
  if (random.chance(0.1)) headers["grpc-encoding"] = random.of(["gzip", "deflate", "x", ""]);
  if (random.chance(0.1)) headers["douya-odd-bin"] = random.of(["AAAA", "%%%", "", "=".repeat(500)]);
  if (random.chance(0.05)) headers["douya-long"] = "x".repeat(random.of([1000, 12_000]));
  const chunks = random.chance(0.05) ? [] : framed(random, message(random, method.input, ids));
  // A permitted caller has a deadline; only strangers may wait forever.
  const end = trusted || random.chance(0.6) ? "yes" : random.of(["goes on", "waits"] as const);
  return { headers, chunks, end, trusted };
}

const ODD_PATHS = [
  "/",
  "/x",
  "//",
  "/douya.user.v1.UserService/Nothing",
  "/a/b/c",
  `/${"x".repeat(3000)}`,
  "/\u00ff",
];
const TYPES = ["", "application/json", "application/grpc+json", "application/grpc-web", "x"];
const TIMEOUTS = ["10S", "1n", "0m", "99999999H", "-1S", "1", "S", "999999999S", "1x"];
const ODD_TEXTS = ["", "0", "-1", "x", "9223372036854775808", "1".repeat(500)];
const TEXTS = [
  ...ODD_TEXTS,
  " ",
  "a",
  "\u202e",
  "e\u0301",
  "x".repeat(5000),
  "\ufeff".repeat(300),
  "{}",
  "' or 1=1 --",
];

/** A random message of the method's type, with or without changed bytes. */
function message(random: Random, input: DescMessage, ids: string[]): Buffer {
  if (random.chance(0.1)) return random.of([random.bytes(300), Buffer.alloc(0), GROUPS, TOO_LONG, HUGE])!;
  const bytes = Buffer.from(encoded(random, input, ids));
  if (random.chance(0.4) || bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  switch (random.below(4)) {
    case 0:
      bytes[at] = random.below(256);
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(5), bytes.subarray(at)]);
    default:
      return Buffer.concat(Array.from({ length: random.of([2, 100]) }, () => bytes));
  }
}

/** Nested groups, a length of 2^32 - 1, and more than the message limit. */
const GROUPS = Buffer.alloc(200_000, 0x0b);
const TOO_LONG = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x61]);
const HUGE = Buffer.alloc(5 * 1024 * 1024);

function encoded(random: Random, type: DescMessage, ids: string[]): Uint8Array {
  try {
    return toBinary(type, create(type, filled(random, type, ids, 0) as never));
  } catch {
    // A number out of the field's range.
    return random.bytes(20);
  }
}

function filled(random: Random, type: DescMessage, ids: string[], depth: number): Record<string, unknown> {
  const fields = type.fields.filter(() => random.chance(0.85));
  return Object.fromEntries(fields.map((field) => [field.localName, value(random, field, ids, depth)]));
}

function value(random: Random, field: DescField, ids: string[], depth: number): unknown {
  const one = () => {
    if (field.message) return depth > 2 ? {} : filled(random, field.message, ids, depth + 1);
    if (field.enum) return random.of([0, 1, 2, 99, -1]);
    return scalar(random, field.scalar, ids);
  };
  if (field.fieldKind === "map") return {};
  if (field.fieldKind !== "list") return one();
  return Array.from({ length: random.of([0, 1, 2, 500]) }, one);
}

function scalar(random: Random, type: ScalarType | undefined, ids: string[]): unknown {
  switch (type) {
    case ScalarType.STRING:
      return random.of([...ids, ...TEXTS]);
    case ScalarType.BOOL:
      return random.chance(0.5);
    case ScalarType.BYTES:
      return random.bytes(random.of([0, 10, 300]));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return random.of(["0", "1", "-1", "9223372036854775807", ...ids]);
    default:
      return random.of([0, 1, -1, 20, 2 ** 31 - 1, 2 ** 32 - 1, 1.5]);
  }
}

/** With a length before it, right or wrong, in one or several pieces. */
function framed(random: Random, bytes: Buffer): Buffer[] {
  const head = Buffer.alloc(5);
  head.writeUInt8(random.chance(0.9) ? 0 : random.of([1, 2, 255]), 0);
  head.writeUInt32BE(
    random.chance(0.9) ? bytes.length : random.of([0, bytes.length + 1, 2 ** 22, 2 ** 32 - 1]),
    1,
  );
  const whole = Buffer.concat([head, bytes]);
  if (random.chance(0.1)) return [whole, whole];
  if (random.chance(0.8)) return [whole];
  const at = random.below(whole.length);
  return [whole.subarray(0, at), whole.subarray(at)];
}

/** Sends a call on its own connection, since some calls end it. `address` is host:port. */
export function answerToCall(address: string, { headers, chunks, end }: HostileCall): Promise<CallAnswer> {
  return new Promise((resolve) => {
    const answer: CallAnswer = { status: undefined, reason: undefined, http: undefined };
    const session = connect(`http://${address}`);
    session.on("error", () => {});
    const stream = session.request(headers, { endStream: false });
    const note = (head: Record<string, unknown>) => {
      answer.status ??= head["grpc-status"]?.toString();
      answer.reason ??= head["douya-reason"]?.toString();
    };
    const finish = () => {
      clearTimeout(late);
      clearInterval(more);
      session.destroy();
      resolve(answer);
    };
    const late = setTimeout(() => {
      answer.status = "none";
      finish();
    }, patienceMs);
    stream.on("response", (head) => {
      answer.http = Number(head[":status"]);
      note(head);
    });
    stream.on("trailers", note).on("error", () => {});
    stream.once("close", finish).once("end", finish).resume();
    for (const chunk of chunks) stream.write(chunk);
    const more = setInterval(() => {
      if (end === "goes on" && stream.writableLength < 2 ** 20) stream.write(Buffer.alloc(16_384));
    }, 1);
    if (end === "yes") stream.end();
  });
}
