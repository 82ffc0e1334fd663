import { expect, test } from "vitest";
import { isMeant, mentionAt } from "./mention-at.ts";

const atEnd = (text: string) => mentionAt(text, text.length);

test("a mention is being written from its sign on, up to what can be in no name", () => {
  expect(atEnd("@")).toEqual({ start: 0, query: "" });
  expect(atEnd("hi @ad")).toEqual({ start: 3, query: "ad" });
  expect(atEnd("你好@小")).toEqual({ start: 2, query: "小" });
  expect(atEnd("＠a.b-c_1")).toEqual({ start: 0, query: "a.b-c_1" });
  expect(mentionAt("@ada and @ben", 3)).toEqual({ start: 0, query: "ad" });
  for (const none of ["", "hi", "@ada ", "mail@ada", "@@a", "a/@b", "@ada!"])
    expect(atEnd(none)).toBeUndefined();
});

test("somebody is meant by the beginning of either name, in capitals or not", () => {
  const ada = { username: "ada-1", name: "Countess" };
  for (const query of ["", "A", "ada-", "count"]) expect(isMeant(ada, query)).toBe(true);
  for (const query of ["da", "countess of"]) expect(isMeant(ada, query)).toBe(false);
});
