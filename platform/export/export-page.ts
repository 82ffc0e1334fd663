import type { BothLanguages } from "./own-data.ts";

const marks: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string) => text.replace(/[&<>"']/g, (mark) => marks[mark]!);

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}" +
  "article{border-top:1px solid #8888;padding:.5rem 0}dl{display:grid;grid-template-columns:9rem 1fr;gap:0 1rem;margin:0}" +
  "dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}img,video{max-width:100%;max-height:20rem}";

/** What people wrote stands in it: no script runs. */
export const pageStart = (title: string) => `<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style></head><body><h1>${escaped(title)}</h1>
`;
export const pageEnd = "</body></html>\n";

export const inBoth = ({ zh, en }: BothLanguages) => `${zh} · ${en}`;

export const link = (to: string, text: string) => `<a href="${escaped(to)}">${escaped(text)}</a>`;

/** A record for people; `root` leads from the page to the folder of the export. */
export function recordPart(record: Record<string, unknown>, root: string): string {
  return `<article>${fieldList(record, root)}</article>\n`;
}

function fieldList(fields: Record<string, unknown>, root: string): string {
  const lines = Object.entries(fields).filter(([, value]) => value !== null && value !== "");
  return `<dl>${lines.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${cell(value, root)}</dd>`).join("")}</dl>`;
}

function cell(value: unknown, root: string): string {
  if (Array.isArray(value)) return value.map((one) => cell(one, root)).join("");
  if (typeof value !== "object" || value === null) return escaped(String(value));
  if ("file" in value) return mediaPart(value as { what: string; file: string | null; alt?: string }, root);
  if ("username" in value) return escaped(`@${value.username}`);
  return fieldList(value as Record<string, unknown>, root);
}

function mediaPart(
  { what, file, alt = "" }: { what: string; file: string | null; alt?: string },
  root: string,
) {
  if (file === null) return `<p>${escaped(what)}: –</p>`;
  const to = escaped(`${root}${file}`);
  const shown = /\.(jpe?g|png|webp|gif|avif)$/.test(file)
    ? `<img loading="lazy" src="${to}" alt="${escaped(alt)}">`
    : `<video controls preload="none" src="${to}"></video>`;
  return `<p>${shown}<br>${link(`${root}${file}`, what)}</p>`;
}
