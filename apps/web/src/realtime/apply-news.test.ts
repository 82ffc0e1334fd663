import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { applyNews } from "./apply-news.ts";
import type { Entry } from "./timeline.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const at = "2026-01-01T00:00:00.000Z";
const said = (conversationId: string, id: string, unread: number): Entry => ({
  ...{ seq: id, at, kind: "message", unread },
  message: { id, conversationId, senderId: conversationId, text: "hello", sentAt: at },
});

function filled() {
  const cache = new QueryClient();
  cache.setQueryData(["unread"], { messages: 0, notifications: 0 });
  const conversation = { id: "1", latest: { id: "5", senderId: "1" }, unread: 0, muted: false, group: null };
  cache.setQueryData(["conversations"], { pages: [{ items: [conversation] }], pageParams: [undefined] });
  cache.setQueryData(["messages", "1"], { pages: [{ items: [], muted: false }], pageParams: [{}] });
  const { entries } = applyNews(
    cache,
    { arrived: () => {} },
    "7",
    () => {},
    (conversationId) => conversationId === "2",
  );
  const isAsked = (key: string) => {
    vi.runAllTimers();
    return cache.getQueryState([key])!.isInvalidated;
  };
  const unread = () => cache.getQueryData<{ messages: number }>(["unread"])!.messages;
  return { cache, entries, isAsked, unread };
}

it("knows from what comes how many messages are unread, and asks nobody", () => {
  const { entries, isAsked, unread } = filled();
  entries([said("1", "10", 1), said("1", "11", 2)]);
  expect(unread()).toBe(2);
  entries([
    { seq: "12", at, kind: "read", unread: 0, read: { conversationId: "1", readerId: "7", upTo: "11" } },
  ]);
  expect([unread(), isAsked("unread")]).toEqual([0, false]);
});

it("a message in the conversation that is being read raises no number", () => {
  const { entries, unread } = filled();
  entries([said("2", "10", 1)]);
  expect(unread()).toBe(0);
  entries([said("2", "11", 2), said("1", "12", 3)]);
  expect(unread()).toBe(3);
  entries([{ seq: "13", at, kind: "muted", unread: 5, muted: { conversationId: "3", muted: false } }]);
  expect(unread()).toBe(5);
});

it("asks how many are unread where a server of an earlier release does not tell, and of notifications", () => {
  const { unread: _, ...without } = said("1", "10", 1);
  const news: Entry = { seq: "10", at, kind: "notification", unread: 0, notification: { id: "1.1" } };
  for (const entry of [without, news]) {
    const { entries, isAsked } = filled();
    entries([entry]);
    expect(isAsked("unread")).toBe(true);
  }
});

it("knows what the other one has read, and what was muted on another device", () => {
  const { cache, entries, isAsked } = filled();
  entries([
    { seq: "10", at, kind: "read", unread: 0, read: { conversationId: "1", readerId: "1", upTo: "9" } },
    { seq: "11", at, kind: "muted", unread: 0, muted: { conversationId: "1", muted: true } },
  ]);
  expect(cache.getQueryData(["messages", "1"])).toMatchObject({
    pages: [{ peerReadUpTo: "9", muted: true }],
  });
  expect(cache.getQueryData(["conversations"])).toMatchObject({
    pages: [{ items: [{ id: "1", muted: true }] }],
  });
  expect(isAsked("conversations")).toBe(false);
});

it("asks for the conversations again where something is gone: the group itself may be", () => {
  const { entries, isAsked } = filled();
  entries([{ seq: "10", at, kind: "removed", unread: 0 }]);
  expect(isAsked("conversations")).toBe(true);
});
