import { QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import type { Message, User } from "../api/types.ts";
import { createMessageCache } from "./message-cache.ts";

const peer = (id: string) => ({ id, name: id }) as User;
const message = (id: string) => ({ id, content: id }) as Message;
const conversation = (id: string, unread: number, latestId = `${10 - Number(id)}0`) => ({
  peer: peer(id),
  latest: message(latestId),
  unread,
  readUpTo: null,
});

function filled() {
  const cache = new QueryClient();
  cache.setQueryData(["messages", "1"], {
    pages: [
      { items: [message("3"), message("4")], nextCursor: "3" },
      { items: [message("1"), message("2")], nextCursor: null },
    ],
    pageParams: [undefined, "3"],
  });
  cache.setQueryData(["conversations"], {
    pages: [
      { items: [conversation("2", 0, "95"), conversation("1", 3)], nextCursor: "x" },
      { items: [conversation("3", 1)], nextCursor: null },
    ],
    pageParams: [undefined, "x"],
  });
  const rows = () =>
    cache
      .getQueryData<{ pages: { items: ReturnType<typeof conversation>[] }[] }>(["conversations"])!
      .pages.map((page) => page.items.map((one) => `${one.peer.id} ${one.latest.id} ${one.unread}`));
  return { cache, rows, messages: createMessageCache(cache) };
}

it("adds new messages to the newest page, each once", () => {
  const { cache, messages } = filled();
  messages.arrived("1", [message("4"), message("5")]);
  messages.arrived("1", [message("5")]);
  expect(cache.getQueryData(["messages", "1"])).toMatchObject({
    pages: [{ items: [{ id: "3" }, { id: "4" }, { id: "5" }] }, { items: [{ id: "1" }, { id: "2" }] }],
  });
  messages.arrived("9", [message("5")]);
  expect(cache.getQueryData(["messages", "9"])).toBeUndefined();
});

it("moves the conversation of a sent message to the top, also a new one", () => {
  const { rows, messages } = filled();
  messages.sent(peer("1"), message("5"));
  expect(rows()).toEqual([["1 5 3", "2 95 0"], ["3 70 1"]]);
  messages.sent(peer("7"), message("6"));
  expect(rows()[0]).toEqual(["7 6 0", "1 5 3", "2 95 0"]);
});

it("replaces the newest conversations and keeps the ones below", () => {
  const { rows, messages } = filled();
  messages.conversations({
    items: [conversation("1", 4, "99"), conversation("2", 0, "95")],
    nextCursor: "y",
  });
  expect(rows()).toEqual([["1 99 4", "2 95 0"], ["3 70 1"]]);
});

it("drops conversations that are gone", () => {
  const { rows, messages } = filled();
  messages.conversations({ items: [conversation("1", 3)], nextCursor: "y" });
  expect(rows()).toEqual([["1 90 3"], ["3 70 1"]]);
  messages.conversations({ items: [conversation("1", 3)], nextCursor: null });
  expect(rows()).toEqual([["1 90 3"], []]);
});

it("marks a conversation as read, and has the unread ones counted again", () => {
  const { cache, rows, messages } = filled();
  cache.setQueryData(["unread"], { messages: 4 });
  messages.read("1");
  expect(rows()).toEqual([["2 95 0", "1 90 0"], ["3 70 1"]]);
  expect(cache.getQueryState(["unread"])?.isInvalidated).toBe(true);
});
