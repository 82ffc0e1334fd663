import { expect, test } from "vitest";
import { playTokens } from "./play-tokens.ts";
import { dayMs } from "./rules.ts";

const tokens = playTokens("a secret of more than thirty-two bytes", new Map());
const play = {
  ...{ videoId: "9223372036854775807", authorId: "12", userId: "34", viewer: "56" },
  ...{ startedMs: Date.UTC(2026, 10, 30, 12), durationMs: 10_047, kept: true },
};

test("a token says what it was issued for, with a session of its own", () => {
  const [a, b] = [tokens.read(tokens.issue(play))!, tokens.read(tokens.issue(play))!];
  expect(a).toEqual({ ...play, session: a.session });
  expect(b.session).not.toBe(a.session);
  const guest = { ...play, userId: undefined, kept: false, durationMs: 0 };
  expect(tokens.read(tokens.issue(guest))).toMatchObject(guest);
});

test("no changed character, and no other spelling, is accepted", () => {
  const token = tokens.issue(play);
  for (let i = 0; i < token.length; i++) {
    const other = token[i] === "A" ? "B" : "A";
    expect(tokens.read(token.slice(0, i) + other + token.slice(i + 1)), `character ${i}`).toBeUndefined();
  }
  for (const wrong of [
    `${token}=`,
    `${token}.x`,
    ` ${token}`,
    token.slice(1),
    "",
    ".",
    "a.b",
    token.split(".")[0]!,
  ])
    expect(tokens.read(wrong), wrong).toBeUndefined();
  expect(playTokens("another secret of more than thirty-two", new Map()).read(token)).toBeUndefined();
});

test("a viewer has a number for the day, and people and guests have different ones", () => {
  const { startedMs } = play;
  const number = tokens.viewerAt(startedMs, { userId: "34" });
  expect(tokens.viewerAt(startedMs + dayMs / 4, { userId: "34" })).toBe(number);
  const others = [
    tokens.viewerAt(startedMs + dayMs, { userId: "34" }),
    tokens.viewerAt(startedMs, { userId: "35" }),
    tokens.viewerAt(startedMs, { guest: "34" }),
  ];
  expect(new Set([number, ...others]).size).toBe(4);
});
