export type Part = string | { href: string; text: string };

/** Case-insensitive; a letter whose lower case is longer, such as İ, moves no position. */
const SCHEME = /https?:\/\//gi;
const CLOSERS: Record<string, string> = { ")": "(", "]": "[", "}": "{" };
const ENDS_NO_LINK = new Set([..."'\"*_~.,;:!?…"]);
/** Longer than browsers and servers accept; the rest of a run is text. */
const MAX_LINK = 2048;

/**
 * A text with its links. Only http and https, and only ASCII: Chinese text right after a link is no part of it, and
 * no letter of another alphabet can imitate a well-known name. Each character is read a fixed number of times,
 * however long the text is: a run is walked once, for its first valid host.
 */
export function linkify(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  let runEnd = 0;
  for (const { index: at, 0: scheme } of text.matchAll(SCHEME)) {
    if (at < runEnd) continue;
    // Not in the middle of a word.
    if (at > 0 && /[\w@/.-]/.test(text[at - 1] ?? "")) continue;
    let hostEnd = at + scheme.length;
    while (hostEnd < text.length && isOfHost(text.charCodeAt(hostEnd))) hostEnd++;
    if (!addressOf(text.slice(at, endOf(text, at, hostEnd)))) continue;
    runEnd = at;
    while (runEnd < text.length && isOfLink(text.charCodeAt(runEnd))) runEnd++;
    const end = endOf(text, at, runEnd);
    const href = end - at <= MAX_LINK ? addressOf(text.slice(at, end)) : undefined;
    if (href) {
      if (at > from) parts.push(text.slice(from, at));
      parts.push({ href, text: text.slice(at, end) });
      from = end;
    }
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

/** The end of a link within a run: before the punctuation of the sentence. */
function endOf(text: string, start: number, runEnd: number): number {
  const open: Record<string, number> = { "(": 0, "[": 0, "{": 0 };
  let end = runEnd;
  for (let i = start; i < end; i++) count(text[i] ?? "", 1);
  while (end > start) {
    const last = text[end - 1] ?? "";
    const opener = CLOSERS[last];
    // A bracket that was opened before the link closes there.
    if (!(opener ? (open[opener] ?? 0) < 0 : ENDS_NO_LINK.has(last))) break;
    count(last, -1);
    end--;
  }
  return end;

  function count(character: string, by: number) {
    const opener = CLOSERS[character];
    if (opener) open[opener] = (open[opener] ?? 0) - by;
    else if (character in open) open[character] = (open[character] ?? 0) + by;
  }
}

/** Visible ASCII, except characters that enclose a link. */
const isOfLink = (code: number): boolean =>
  code > 0x20 &&
  code < 0x7f &&
  code !== 0x22 &&
  code !== 0x3c &&
  code !== 0x3e &&
  code !== 0x5c &&
  code !== 0x60;

/** Up to a slash, a question mark or a hash. */
const isOfHost = (code: number): boolean => isOfLink(code) && code !== 0x2f && code !== 0x3f && code !== 0x23;

/** Undefined for invalid URLs, and for user names before the host, which could imitate one. */
function addressOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, hostname, href } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  if (username || password || /^https?:\/\/[^/?#]*@/i.test(text)) return undefined;
  return /[.:]/.test(hostname) || hostname === "localhost" ? href : undefined;
}

/** The id of the video of this server that a URL leads to. */
export function videoIdOf(href: string, origin: string): string | undefined {
  const url = new URL(href);
  return url.origin === origin ? /^\/video\/(\d{1,20})\/?$/.exec(url.pathname)?.[1] : undefined;
}
