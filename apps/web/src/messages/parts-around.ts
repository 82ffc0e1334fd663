/** Characters that are shown before what was found, and of the name before them. */
const BEFORE = 12;
const NAME = 8;

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

/** A name of such a length that what was found is in view after it. */
export function shortName(name: string): string {
  const characters = [...name];
  return characters.length > NAME ? `${characters.slice(0, NAME).join("").trimEnd()}…` : name;
}
