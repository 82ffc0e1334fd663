/**
 * Characters that open a stretch of another direction, and the one that closes it; closing an isolate closes
 * everything opened within it.
 */
const openers: Record<string, string> = {
  "\u202a": "\u202c",
  "\u202b": "\u202c",
  "\u202d": "\u202c",
  "\u202e": "\u202c",
  "\u2066": "\u2069",
  "\u2067": "\u2069",
  "\u2068": "\u2069",
};
const sign = /[\u202a-\u202e\u2066-\u2069]/;

/**
 * Whether it contains a character that changes the direction of what follows. Arabic and Hebrew need none; the marks
 * (U+200E, U+200F, U+061C) and joiners change nothing.
 */
export function turnsDirection(text: string): boolean {
  return sign.test(text);
}

/**
 * The text with every opened direction closed in each of its lines, and without unmatched closing characters: they
 * would change the direction of the text next to it on a page, or break its isolation there (UAX #9).
 */
export function closeDirections(text: string): string {
  return turnsDirection(text) ? text.split("\n").map(closeLine).join("\n") : text;
}

function closeLine(line: string): string {
  const ends: string[] = [];
  let closed = "";
  for (const character of line) {
    const end = openers[character];
    if (end !== undefined) ends.push(end);
    else if (character === "\u202c") {
      if (ends.at(-1) !== character) continue;
      ends.pop();
    } else if (character === "\u2069") {
      const at = ends.lastIndexOf(character);
      if (at < 0) continue;
      ends.length = at;
    }
    closed += character;
  }
  return closed + ends.reverse().join("");
}
