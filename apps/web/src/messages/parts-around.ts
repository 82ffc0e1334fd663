/** Characters that are shown before what was found. */
const BEFORE = 20;

/** A text around what was found in it, from shortly before. */
export function partsAround(content: string, text: string): [before: string, match: string, after: string] {
  const at = content.toLowerCase().indexOf(text.toLowerCase());
  // Letters that change their length with their case.
  if (at < 0) return [content, "", ""];
  const before = [...content.slice(0, at)];
  const shown = before.slice(-BEFORE).join("");
  const match = content.slice(at, at + text.length);
  return [before.length > BEFORE ? `…${shown}` : shown, match, content.slice(at + text.length)];
}
