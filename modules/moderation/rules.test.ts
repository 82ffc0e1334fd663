import { expect, test } from "vitest";
import { foreverMs } from "#contracts/moderation-names.ts";
import { idAtTime } from "#platform/ids/snowflake.ts";
import { after, checkAct, endsMs, type KeptAct, type Standing, untouched, weightOf } from "./rules.ts";

const at = (ms: number) => String(idAtTime(1_790_000_000_000 + ms));
const nowMs = 1_790_000_000_000;
const done = (act: KeptAct, { id = at(0), untilMs = null as number | null } = {}) => ({ id, act, untilMs });
const all = (...acts: Parameters<typeof after>[1][]): Standing => acts.reduce(after, untouched);

test("each act changes what it is about, and undoing it what it did", () => {
  expect(all(done("dismiss"), done("warn"))).toEqual(untouched);
  expect(all(done("restrict"), done("take-down"))).toMatchObject({ reach: "down", reachUntilMs: foreverMs });
  expect(all(done("take-down"), done("keep"), done("restore"))).toEqual({ ...untouched, kept: true });
  expect(all(done("keep"), done("release"))).toEqual(untouched);
  expect(all(done("lock-comments"), done("unlock-comments"))).toEqual(untouched);
  expect(all(done("mute"), done("suspend"), done("reset-profile", { id: at(5) }), done("restore"))).toEqual({
    ...untouched,
    profileReset: at(5),
  });
});

test("what has an end ends alone, and for good stays", () => {
  const held = all(
    done("mute", { untilMs: nowMs + 1_000 }),
    done("suspend", { untilMs: nowMs + 500 }),
    done("reset-profile", { id: at(1) }),
  );
  expect(endsMs(held)).toBe(nowMs + 500);
  const later = after(held, done("expire", { id: at(500) }));
  expect(later).toMatchObject({ suspendedUntilMs: 0, mutedUntilMs: nowMs + 1_000, profileReset: at(1) });
  expect(endsMs(after(later, done("expire", { id: at(1_000) })))).toBeNull();
  expect(endsMs(all(done("take-down")))).toBeNull();
  expect(all(done("take-down"), done("expire", { id: at(10_000) }))).toMatchObject({ reach: "down" });
});

test("an act fits its kind, and its end is to come", () => {
  expect(checkAct("video", "take-down", null, nowMs)).toBe("take-down");
  expect(checkAct("user", "suspend", nowMs + 1, nowMs)).toBe("suspend");
  for (const [kind, act, untilMs] of [
    ["comment", "suspend", null],
    ["user", "take-down", null],
    ["video", "expire", null],
    ["video", "toString", null],
    ["video", "warn", nowMs + 1],
    ["user", "mute", nowMs],
    ["user", "mute", Number.NaN],
    ["user", "mute", foreverMs],
  ] as const)
    expect(() => checkAct(kind, act, untilMs, nowMs)).toThrow(
      expect.objectContaining({ reason: "ACT_INVALID" }),
    );
});

test("whose reports lead to nothing is believed less, and never not at all", () => {
  expect(weightOf({ upheld: 0, dismissed: 0 })).toBe(1);
  expect(weightOf({ upheld: 5, dismissed: 0 })).toBe(1);
  expect(weightOf({ upheld: 0, dismissed: 2 })).toBe(0.5);
  expect(weightOf({ upheld: 0, dismissed: 10_000 })).toBe(0.1);
});
