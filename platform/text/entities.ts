import { nameKey } from "./text-rules.ts";

/** A part of a text that leads somewhere; `start` and `end` count UTF-16 code units, as JavaScript does. */
export interface Entity {
  kind: "hashtag" | "mention";
  start: number;
  end: number;
  /** As written, without its sign. */
  name: string;
}

/** The most of one text; what is beyond is text. */
export const maxEntities = 50;

const maxTag = 100;
const maxName = 32;

/** What can begin one, with the run that its name is in; each character is read a fixed number of times. */
const runs = /[#@＃＠][\p{L}\p{M}\p{N}_.-]*/gu;
/** What stands before a sign that means something else: mail addresses, "C#", `&#39;`, the end of a link. */
const otherUse = /[A-Za-z0-9_&/#@＃＠]/;

/**
 * `#word` and `@name` in the order of the text, also with the wide signs of Chinese keyboards and right after Chinese
 * words. Whether there is such a person is not known here.
 */
export function entitiesOf(text: string): Entity[] {
  const entities: Entity[] = [];
  for (const { 0: run, index: start } of text.matchAll(runs)) {
    if (start > 0 && otherUse.test(text[start - 1]!)) continue;
    const isTag = run[0] === "#" || run[0] === "＃";
    const name = isTag ? tagIn(run) : nameIn(run);
    if (!name) continue;
    entities.push({ kind: isTag ? "hashtag" : "mention", start, end: start + 1 + name.length, name });
    if (entities.length === maxEntities) break;
  }
  return entities;
}

/** A number alone is no topic: "#1". */
function tagIn(run: string): string | undefined {
  const [name = ""] = run.slice(1).split(/[.-]/, 1);
  return name.length <= maxTag && /[^\p{N}_]/u.test(name) ? name : undefined;
}

/** A name may have dots and hyphens inside; those at its end belong to the sentence. */
function nameIn(run: string): string | undefined {
  let end = run.length;
  while (run[end - 1] === "." || run[end - 1] === "-") end--;
  return end > 1 && end - 1 <= 2 * maxName ? run.slice(1, end) : undefined;
}

/** The names that texts mention, in the form in which names are compared. */
export function mentionedNames(...texts: string[]): string[] {
  const mentions = texts.flatMap(entitiesOf).filter(({ kind }) => kind === "mention");
  return [...new Set(mentions.map(({ name }) => nameKey(name)))];
}
