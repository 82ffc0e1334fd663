import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { changes, createInterests, noWants, together, type Wants } from "./live.ts";
import { createMoments } from "./moments.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});
const wants = (some: Partial<Wants>): Wants => ({ ...noWants, ...some });

it("makes room before it asks for more, and says nothing where nothing changes", () => {
  expect(changes(noWants, wants({ people: ["1"], videos: ["2"] }))).toEqual([
    { type: "subscribe", people: ["1"], videos: ["2"] },
  ]);
  expect(changes(wants({ people: ["1", "2"] }), wants({ people: ["2", "3"] }))).toEqual([
    { type: "unsubscribe", people: ["1"] },
    { type: "subscribe", people: ["3"] },
  ]);
  expect(changes(wants({ videos: ["1"] }), wants({ videos: ["1"] }))).toEqual([]);
});

it("asks for what all tabs want together, each once, and no more than a connection may have", () => {
  const many = Array.from({ length: 90 }, (_, i) => String(i));
  const more = Array.from({ length: 90 }, (_, i) => String(i + 50));
  const all = together([wants({ people: many, uploads: ["7"] }), wants({ people: more, uploads: ["7"] })]);
  expect(all.people).toHaveLength(100);
  expect(new Set(all.people).size).toBe(100);
  expect(all.uploads).toEqual(["7"]);
});

it("wants what is shown as long as it is shown somewhere, and tells it together", () => {
  const told: Wants[] = [];
  const interests = createInterests((now) => told.push(now));
  const [one, two] = [interests.want("people", "1"), interests.want("people", "1")];
  const video = interests.want("videos", "9");
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([wants({ people: ["1"], videos: ["9"] })]);
  one();
  one();
  video();
  vi.advanceTimersByTime(1_000);
  expect(told.at(-1)).toEqual(wants({ people: ["1"] }));
  two();
  expect(interests.get()).toEqual(noWants);
});

it("knows who is writing until it is said no more, or until the words have come", () => {
  const moments = createMoments();
  let changed = 0;
  moments.subscribe(() => changed++);
  moments.hear({ type: "typing", conversationId: "1", userId: "1" });
  vi.advanceTimersByTime(4_000);
  moments.hear({ type: "typing", conversationId: "1", userId: "1" });
  vi.advanceTimersByTime(4_000);
  expect(moments.writers("1")).toEqual(["1"]);
  vi.advanceTimersByTime(4_000);
  expect([moments.writers("1"), changed]).toEqual([[], 3]);
  moments.hear({ type: "typing", conversationId: "1", userId: "1" });
  moments.wrote("1", "2");
  expect(moments.writers("1")).toEqual(["1"]);
  moments.hear({ type: "typing", conversationId: "1", userId: "2" });
  expect(moments.writers("1")).toEqual(["1", "2"]);
  moments.wrote("1", "2");
  moments.wrote("1", "1");
  expect(moments.writers("1")).toEqual([]);
});

it("knows how people are until nobody tells any more", () => {
  const moments = createMoments();
  const here = { userId: "1", online: true, lastSeenAt: null };
  moments.hear({ type: "presence", people: [here] });
  moments.hear({ type: "presence", people: [{ ...here, userId: "2" }] });
  expect(moments.presence("1")).toEqual(here);
  moments.forget();
  expect(moments.presence("1")).toBeUndefined();
});
