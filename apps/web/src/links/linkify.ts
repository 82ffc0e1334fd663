export type Part = string | { href: string; text: string };

const SCHEMES = ["http://", "https://"];
const CLOSERS: Record<string, string> = { ")": "(", "]": "[", "}": "{" };
const ENDS_NO_LINK = new Set([..."'\"*_~.,;:!?…"]);

/**
 * A text with its links. Only http and https, and only in the letters of ASCII: what comes right after one in Chinese
 * is no part of it, and no letter of another alphabet can stand for one of a well-known name. Each character is looked
 * at a fixed number of times, however long the text is.
 */
export function linkify(text: string): Part[] {
  const parts: Part[] = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf("http"); at >= 0; at = lower.indexOf("http", at + 4)) {
    if (at < from || !SCHEMES.some((scheme) => lower.startsWith(scheme, at))) continue;
    // In the middle of a word it is not meant.
    if (at > 0 && /[\w@/.-]/.test(text[at - 1] ?? "")) continue;
    const end = endOf(text, at);
    const href = addressOf(text.slice(at, end));
    if (href) {
      if (at > from) parts.push(text.slice(from, at));
      parts.push({ href, text: text.slice(at, end) });
      from = end;
    }
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

/** Where a link that starts at `start` ends: before a blank, a quote or another script, and punctuation of the sentence. */
function endOf(text: string, start: number): number {
  const open: Record<string, number> = { "(": 0, "[": 0, "{": 0 };
  let end = start;
  while (end < text.length && isOfLink(text.charCodeAt(end))) end++;
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

/** Visible ASCII, without what encloses a link. */
const isOfLink = (code: number): boolean =>
  code > 0x20 &&
  code < 0x7f &&
  code !== 0x22 &&
  code !== 0x3c &&
  code !== 0x3e &&
  code !== 0x5c &&
  code !== 0x60;

/** Undefined for what leads nowhere, and for a name before the host that may pass for one. */
function addressOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, hostname, href } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return undefined;
  if (username || password || /^https?:\/\/[^/?#]*@/i.test(text)) return undefined;
  return /[.:]/.test(hostname) || hostname === "localhost" ? href : undefined;
}

/** The id of the video of this server that an address leads to. */
export function videoIdOf(href: string, origin: string): string | undefined {
  const url = new URL(href);
  return url.origin === origin ? /^\/video\/(\d{1,20})\/?$/.exec(url.pathname)?.[1] : undefined;
}
