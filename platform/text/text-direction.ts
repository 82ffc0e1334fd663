/** What opens a stretch of another direction, and the sign that ends it; an isolate ends what was opened within it. */
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
 * Whether there is a sign in it that turns the direction of what follows. Arabic and Hebrew need none, and neither the
 * marks (U+200E, U+200F, U+061C), which turn nothing, nor joiners are any.
 */
export function turnsDirection(text: string): boolean {
  return sign.test(text);
}

/**
 * The text with everything ended that it opens, in each of its lines, and without ends of what it did not open: it
 * would turn what stands beside it on a page, or end what keeps it apart there (UAX #9).
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
