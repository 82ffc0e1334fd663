import { expect, test } from "vitest";
import { signedMedia } from "./signed-media.ts";

const key = `video/${"a".repeat(64)}.mp4`;
const pass = { videoId: "12", viewerId: "34" };
const hourMs = 3_600_000;
let nowMs = Date.UTC(2026, 0, 1);
const signed = signedMedia("s".repeat(32), () => nowMs);
const parse = (query: string) => Object.fromEntries(new URLSearchParams(query));

test("what was signed is known again, for a person and for a guest, and only by who has the secret", () => {
  for (const viewerId of ["34", undefined]) {
    const query = parse(signed.queryFor(key, { videoId: "12", viewerId }));
    expect(signed.passIn(key, query)).toMatchObject({ videoId: "12", viewerId, expired: false });
    expect(signedMedia("t".repeat(32), () => nowMs).passIn(key, query)).toBeUndefined();
    expect(signed.passIn(key.replace("a", "b"), query)).toBeUndefined();
  }
});

test("what was signed for a moderator says so, and no other address can be made to", () => {
  const asModerator = { ...pass, asModerator: true };
  const [theirs, anybodys] = [parse(signed.queryFor(key, asModerator)), parse(signed.queryFor(key, pass))];
  expect(signed.passIn(key, theirs)).toMatchObject(asModerator);
  expect(signed.passIn(key, anybodys)).toMatchObject({ ...pass, asModerator: false });
  expect(signed.passIn(key, { ...anybodys, as: "moderator" })).toBeUndefined();
  expect(signed.passIn(key, { ...anybodys, until: `${anybodys.until} moderator` })).toBeUndefined();
  for (const as of [undefined, "", "author", ["moderator"]])
    expect(signed.passIn(key, { ...theirs, as }), String(as)).toBeUndefined();
});

test("it is the same for a while, lasts an hour and not much more", () => {
  const first = signed.queryFor(key, pass);
  const startMs = nowMs;
  nowMs = startMs + 9 * 60_000;
  expect(signed.queryFor(key, pass)).toBe(first);
  nowMs = startMs + 10 * 60_000;
  expect(signed.queryFor(key, pass)).not.toBe(first);
  nowMs = startMs + hourMs;
  expect(signed.passIn(key, parse(first))).toMatchObject({ ...pass, expired: false });
  nowMs = startMs + hourMs + 10 * 60_000 + 1;
  expect(signed.passIn(key, parse(first))).toMatchObject({ ...pass, expired: true });
});

test("what a signed address leads to is signed for as long as it is, and for itself", () => {
  const list = signed.passIn("hls/12", parse(signed.queryFor("hls/12", pass)))!;
  nowMs += 30 * 60_000;
  const query = parse(signed.queryFor(key, list));
  expect(signed.passIn(key, query)).toEqual(list);
  expect(signed.passIn("hls/12", query)).toBeUndefined();
  expect(query.until).not.toBe(parse(signed.queryFor(key, pass)).until);
});

test("whatever else a query has is nothing, and throws nothing", () => {
  const good = parse(signed.queryFor(key, pass));
  const wrong = [
    "",
    "0",
    "-1",
    "１２",
    "9".repeat(40),
    "x".repeat(10_000),
    "\u0000",
    ["12"],
    {},
    null,
    undefined,
  ];
  for (const name of Object.keys(good))
    for (const value of wrong)
      expect(signed.passIn(key, { ...good, [name]: value }), `${name} ${value}`).toBeUndefined();
  // Another spelling of the same bytes.
  const last = good.signature!.slice(0, -1);
  const spellings = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].filter((letter) =>
    signed.passIn(key, { ...good, signature: last + letter }),
  );
  expect(spellings).toHaveLength(1);
  expect(signed.passIn(key, { ...good, signature: `${good.signature}=` })).toBeUndefined();
});
