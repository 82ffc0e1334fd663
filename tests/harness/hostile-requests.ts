import type { Random } from "#platform/testing/random.ts";
import type { Route } from "./route-table.ts";

/** A request as sent on the wire; it need not be valid. */
export interface HostileRequest {
  head: string;
  body: Buffer;
}

/** Values that let requests pass the first check. */
export interface Plausible {
  host: string;
  /** By the name of a parameter. */
  values: Record<string, string[]>;
  /** Bearer tokens; undefined for a guest. */
  tokens: (string | undefined)[];
  file: Buffer;
}

/** A request that resembles an expected one, with one or several defects. */
export function hostileRequest(random: Random, route: Route, known: Plausible): HostileRequest {
  const share = random.of([0.4, 0.8, 0.98]);
  const value = (name: string) =>
    (random.chance(share) ? good(random, name, known) : undefined) ?? someText(random);
  const path = route.url
    .split("/")
    .map((part) => (/^[:*]/.test(part) ? pathPart(random, value(part.slice(1))) : part))
    .join("/");
  const fields = route.url.startsWith("/douyin") ? CLASSIC_FIELDS : route.fields;
  const query = random.chance(0.6) ? queryString(random, fields, value) : "";
  const method = random.chance(0.9) ? route.method : random.of(METHODS);
  const withBody = random.chance(method === "GET" || method === "HEAD" ? 0.1 : 0.9);
  const { type, bytes } = withBody
    ? requestBody(random, route, fields, value, known)
    : { type: undefined, bytes: Buffer.alloc(0) };

  const headers: string[] = [`Host: ${known.host}`, "Connection: close"];
  const token = random.of(known.tokens);
  if (random.chance(0.1)) headers.push(`Authorization: ${random.of(AUTHORIZATIONS)}`);
  else if (token !== undefined && !query.includes("token=")) headers.push(`Authorization: Bearer ${token}`);
  if (type !== undefined && random.chance(0.95)) headers.push(`Content-Type: ${type}`);
  for (let more = random.chance(0.25) ? 1 + random.below(4) : 0; more > 0; more--)
    headers.push(random.of(ODD_HEADERS)(random));
  if (random.chance(0.1) && bytes.length > 0) {
    headers.push("Transfer-Encoding: chunked");
    return { head: headOf(method, path + query, headers), body: inChunks(random, bytes) };
  }
  if (bytes.length > 0 || withBody) headers.push(`Content-Length: ${bytes.length}`);
  return { head: headOf(method, path + query, headers), body: bytes };
}

function headOf(method: string, target: string, headers: string[]): string {
  return `${method} ${target} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"];
/** Of the classic API, which declares none. */
const CLASSIC_FIELDS = [
  ...["token", "user_id", "to_user_id", "video_id", "comment_id", "action_type", "comment_text", "content"],
  ...["latest_time", "pre_msg_time", "username", "password", "title", "data"],
];
const AUTHORIZATIONS = [
  ...[
    "Bearer",
    "Bearer ",
    "Bearer a.b.c",
    "Basic YTpi",
    "bearer x",
    "Bearer \u00ff\u00fe",
    "Digest username=x",
  ],
  `Bearer ${"a".repeat(7000)}`,
  `Bearer ${"e30.".repeat(1500)}`,
  "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
];

const long = (text: string, length: number) => text.repeat(Math.ceil(length / text.length)).slice(0, length);
const TEXTS = [
  ...[
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "\r\n\r\n",
    "\t",
    "\ufeff",
    "\u200b",
    "\u202e",
    "\u2028",
    "\ud83d",
    "\udc00x",
  ],
  ...[
    "\uffff",
    "\u{10ffff}",
    "0",
    "-0",
    "-1",
    "00",
    "1.5",
    "1e3",
    "1e309",
    "NaN",
    "Infinity",
    "null",
    "true",
    "[]",
  ],
  ...[
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
  ],
  ...[
    "１",
    "١٢٣",
    "%",
    "%00",
    "%ff",
    "%zz",
    "../../etc/passwd",
    "..\\..",
    "__proto__",
    "constructor",
    "toString",
  ],
  ...[
    "' or 1=1 --",
    '"',
    "\\",
    "\\u0000",
    "$1",
    "{}",
    "<script>",
    "file:///etc/passwd",
    "http://127.0.0.1:1/",
    "@",
    "#",
  ],
  ...["2026-11-28T00:00:00Z", "👩‍👩‍👧‍👦", "İ", "ﷺ", "e\u0301", "eyJ2IjoxfQ", "AAAA", "////", "==", "-", "_"],
];
const LONG_TEXTS = [
  ...[
    "\ufeff",
    "a",
    " ",
    "\n",
    "e\u0301",
    "\u0301",
    "👩‍👩‍👧‍👦",
    "\ud83d",
    "ﷺ",
    "@a ",
    "#ab",
    "http://",
    "a.",
    "<",
    "\\",
    '"',
  ],
  ...["%25", "\u200d", "\ufe0f", "1", "-", "x\r\n", "豆", "\u0000", "a\u0300\u0301\u0302"],
];
const LENGTHS = [33, 129, 300, 2000, 4001, 10_000, 60_000, 70_000];

function someText(random: Random): string {
  if (random.chance(0.7)) return random.of(TEXTS);
  return long(random.of(LONG_TEXTS), random.of(LENGTHS)) + random.of(["", "!", "\0"]);
}

function good(random: Random, name: string, { values }: Plausible): string | undefined {
  const choices = values[name.replace(/_/g, "").toLowerCase()];
  return choices && random.of(choices);
}

function someJson(random: Random, name: string, value: (name: string) => string): unknown {
  switch (random.below(24)) {
    case 0:
      return random.of([0, -1, 1.5, 2 ** 53 + 2, 1e308, -1e308, 5e-324, 2 ** 31, -(2 ** 63)]);
    case 1:
      return random.of([null, true, false, [], {}, [null], [[]]]);
    case 2:
      return Array.from({ length: random.of([2, 30, 3000]) }, () => value(name).slice(0, 100));
    case 3:
      return { [value(name)]: value(name), __proto__: null, toString: "x", $ref: "#" };
    default:
      return value(name);
  }
}

/** Encoded as one path segment, or not. */
function pathPart(random: Random, value: string): string {
  if (random.chance(0.1))
    return random.of(["%", "%zz", "%00", "%ff%fe", "%ed%a0%80", "..%2f..%2fetc", "%2e%2e", ";"]);
  return percent(value).slice(0, random.of([300, 9000]));
}

const percent = (text: string) =>
  /^[\w.-]*$/.test(text) ? text : `%${Buffer.from(text).toString("hex").match(/../g)!.join("%")}`;

function queryString(random: Random, fields: string[], value: (name: string) => string): string {
  if (random.chance(0.03))
    return `?${long(random.of(["a&", "a=1&", "&", "=", "%00=", "a[]=1&", "a[b]="]), 14_000)}`;
  const pairs = fields.filter(() => random.chance(0.6)).map((name) => [name, value(name)] as const);
  if (random.chance(0.2) && pairs.length > 0) pairs.push(random.of(pairs));
  if (random.chance(0.2)) pairs.push([someText(random).slice(0, 200), someText(random)]);
  const odd = random.chance(0.05) ? random.of(["[]", "[0]", "[x]", "%5B%5D", "."]) : "";
  return `?${pairs.map(([name, text]) => `${percent(name)}${odd}=${percent(text)}`).join("&")}`.slice(
    0,
    15_000,
  );
}

function requestBody(
  random: Random,
  route: Route,
  fields: string[],
  value: (name: string) => string,
  known: Plausible,
): { type: string; bytes: Buffer } {
  const usual = route.url.startsWith("/douyin")
    ? CLASSIC_TYPE
    : route.fields.length > 0
      ? "application/json"
      : "application/octet-stream";
  const type = random.chance(0.6) ? usual : random.of(TYPES);
  const kind = random.chance(0.1) ? random.of(TYPES) : type;
  if (kind.startsWith("multipart")) return { type, bytes: multipart(random, fields, value, known) };
  if (kind.startsWith("application/x-www"))
    return { type, bytes: Buffer.from(queryString(random, fields, value).slice(1)) };
  if (!kind.startsWith("application/json"))
    return {
      type,
      bytes: random.of([known.file, known.file.subarray(0, 100), random.bytes(300), Buffer.alloc(70_000)]),
    };
  if (random.chance(0.15)) return { type, bytes: random.of(ODD_JSON)() };
  const entries = fields
    .filter(() => random.chance(0.85))
    .map((name) => [name, someJson(random, name, value)] as const);
  if (random.chance(0.2)) entries.push([random.of(["__proto__", "constructor", "x", ""]), someText(random)]);
  // By hand, since an object would lose duplicate names.
  const pairs = entries.map(([name, one]) => `${JSON.stringify(name)}:${JSON.stringify(one)}`);
  if (random.chance(0.1) && pairs.length > 0) pairs.push(random.of(pairs));
  return { type, bytes: Buffer.from(`{${pairs.join(",")}}`) };
}

const CLASSIC_TYPE = "application/x-www-form-urlencoded";
const TYPES = [
  ...Array.from({ length: 12 }, () => "application/json"),
  ...Array.from({ length: 6 }, () => "application/x-www-form-urlencoded"),
  ...Array.from({ length: 4 }, () => "multipart/form-data; boundary=b"),
  ...[
    "application/octet-stream",
    "application/octet-stream",
    "video/mp4",
    "image/png",
    "text/plain",
    "x",
    "",
    "/",
    "a/b;",
  ],
  ...[
    "application/json; charset=utf-16",
    "multipart/form-data",
    'multipart/form-data; boundary=""',
    "multipart/mixed; boundary=b",
  ],
  `multipart/form-data; boundary=${"b".repeat(300)}`,
  `application/json;${" a=b;".repeat(1000)}`,
];

const ODD_JSON = [
  () => Buffer.alloc(0),
  () => Buffer.from("\ufeff{}"),
  () => Buffer.from("{}", "utf16le"),
  () => Buffer.from("[".repeat(60_000)),
  () => Buffer.from(`${'{"a":'.repeat(12_000)}1${"}".repeat(12_000)}`.slice(0, 65_000)),
  () => Buffer.from(`{${Array.from({ length: 5000 }, (_, i) => `"k${i}":${i}`).join(",")}}`),
  () => Buffer.from(`[${"1,".repeat(30_000)}1]`),
  () => Buffer.from(`"${"\\u0000".repeat(10_000)}"`),
  () => Buffer.from("1".repeat(60_000)),
  () => Buffer.from(`1e${"9".repeat(60_000)}`),
  () => Buffer.from('{"username":"\xff\xfe"}', "latin1"),
  () => Buffer.from('{"__proto__":{"x":1},"constructor":{"prototype":{}}}'),
  () => Buffer.from("null"),
  () => Buffer.from('{"a":1}}'),
  () => Buffer.from('{"a":NaN}'),
];

function multipart(
  random: Random,
  fields: string[],
  value: (name: string) => string,
  known: Plausible,
): Buffer {
  const part = (head: string, content: Buffer | string) =>
    Buffer.concat([Buffer.from(`--b\r\n${head}\r\n\r\n`), Buffer.from(content), Buffer.from("\r\n")]);
  const disposition = (name: string, more = "") => `Content-Disposition: form-data; name="${name}"${more}`;
  const parts = fields
    .filter((name) => name !== "data" && random.chance(0.7))
    .map((name) => part(disposition(name), value(name)));
  const file = random.of([known.file, known.file.subarray(0, 1000), Buffer.alloc(0), random.bytes(500)]);
  const name = random.of(["data", "data", "file", "", "\0", "__proto__"]);
  if (random.chance(0.8))
    parts.push(
      part(disposition(name, `; filename="${random.of(["a.mp4", "../../x", "", "\0", "豆"])}"`), file),
    );
  if (random.chance(0.3)) parts.push(random.of(ODD_PARTS)());
  if (random.chance(0.3)) parts.reverse();
  return Buffer.concat([...parts, Buffer.from(random.of(["--b--\r\n", "--b--\r\n", "", "--b", "--b-"]))]);
}

const ODD_PARTS = [
  () => Buffer.from("--b\r\n\r\nno head\r\n"),
  () =>
    Buffer.from(`--b\r\nContent-Disposition: form-data; name="a"\r\n${"X-A: b\r\n".repeat(20_000)}\r\nx\r\n`),
  () => Buffer.from(`--b\r\nContent-Disposition: form-data; name="${"n".repeat(100_000)}"\r\n\r\nx\r\n`),
  () => Buffer.from('--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n'.repeat(3000)),
  () => Buffer.from('--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n'.repeat(300)),
  () =>
    Buffer.from(`--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n${"x".repeat(2_000_000)}\r\n`),
  () => Buffer.from("--b\r\nContent-Disposition: form-data; name*=utf-8''%ff; filename*=x''%\r\n\r\nx\r\n"),
  () =>
    Buffer.from("--b\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: base64\r\n\r\ne30=\r\n"),
  () => Buffer.from("\r\n--b".repeat(50_000)),
];

/** Complete, or with an invalid chunk at the end. */
function inChunks(random: Random, bytes: Buffer): Buffer {
  const chunk = (piece: Buffer) =>
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
  const size = random.of([1, 100, 5000]) + (bytes.length >> 9);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(chunk(bytes.subarray(at, at + size)));
  return Buffer.concat([
    ...pieces,
    Buffer.from(random.of(["0\r\n\r\n", "0\r\n\r\n", "0\r\nX: y\r\n\r\n", "zz\r\n", "-1\r\n"])),
  ]);
}

type HeaderOf = (random: Random) => string;
const ODD_HEADERS: HeaderOf[] = [
  (random) =>
    `Range: ${random.of(["bytes=0-", "bytes=-1", "bytes=5-1", "bytes=99999999999999999999-", "bytes=-", "x=1-2", "bytes=0-0,1-1"])}`,
  () => `Range: bytes=${long("0-0,", 12_000)}`,
  (random) =>
    `If-None-Match: ${random.of(["*", '"x"', 'W/"x"', "x", long('"a",', 10_000), long(",", 10_000)])}`,
  (random) => `If-Range: ${random.of(['"x"', "Sat, 28 Nov 2026 00:00:00 GMT", "x"])}`,
  (random) => `If-Modified-Since: ${random.of(["Sat, 28 Nov 2099 00:00:00 GMT", "yesterday", "-1"])}`,
  (random) =>
    `Accept: ${random.of(["*/*", "text/html", "text/event-stream", "", ";", long("a/b;q=0.1,", 10_000)])}`,
  (random) =>
    `Accept-Language: ${random.of(["*", "zh", "xx-", "", long("en;q=0.5,", 10_000), long("a-", 10_000), long("*,", 9000)])}`,
  (random) => `Accept-Encoding: ${random.of(["gzip", "br;q=0", "*;q=0", long("x,", 8000)])}`,
  (random) =>
    `Cookie: ${random.of(["a", "=", "douya=x", long("a=b; ", 12_000), long(";", 12_000), "a=%", "refresh=\u00ff"])}`,
  (random) => `Origin: ${random.of(["null", "http://evil.example", "x", "http://127.0.0.1"])}`,
  (random) => `Sec-Fetch-Site: ${random.of(["cross-site", "same-origin", "x"])}`,
  (random) =>
    `X-Forwarded-For: ${random.of(["1.2.3.4", "x", long("1.1.1.1,", 9000), "::ffff:1.2.3.4%eth0", "[::1]:80", ""])}`,
  (random) => `X-Forwarded-Proto: ${random.of(["https", "javascript", "https,http", ""])}`,
  (random) => `X-Forwarded-Host: ${random.of(["evil.example", "a b", '"', ""])}`,
  (random) =>
    `traceparent: ${random.of(["00-0-0-0", "x", `00-${"f".repeat(32)}-${"f".repeat(16)}-ff`, "a".repeat(9000)])}`,
  (random) => `Content-Encoding: ${random.of(["gzip", "identity", "br", "x"])}`,
  (random) => `Expect: ${random.of(["100-continue", "x"])}`,
  (random) => `Upgrade: ${random.of(["websocket", "h2c", "x"])}`,
  (random) =>
    `User-Agent: ${random.of(["", "facebookexternalhit/1.1", long("(", 9000), long("Mozilla/", 9000)])}`,
  (random) => `douya-urls: ${random.of(["paths", "x", ""])}`,
  (random) => `Last-Event-ID: ${random.of(["0", "-1", "x", long("9", 5000)])}`,
  (random) => `X-Odd-${random.below(9)}: ${random.of(["", "\u00ff", "a\tb", long("z", 20_000)])}`,
  () => Array.from({ length: 900 }, (_, i) => `X-${i}: 1`).join("\r\n"),
  () => Array.from({ length: 3000 }, (_, i) => `X-${i}: 1`).join("\r\n"),
];
