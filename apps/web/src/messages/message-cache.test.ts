import { QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import type { Message, User } from "../api/types.ts";
import { createMessageCache } from "./message-cache.ts";

const peer = (id: string) => ({ id, name: id }) as User;
const message = (id: string) => ({ id, content: id }) as Message;
const conversation = (id: string, unread: number, latestId = `${10 - Number(id)}0`) => ({
  id,
  peer: peer(id),
  latest: message(latestId),
  unread,
  mentions: 0,
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
  for (const id of ["4", "5", "5"]) messages.add("1", message(id));
  expect(cache.getQueryData(["messages", "1"])).toMatchObject({
    pages: [{ items: [{ id: "3" }, { id: "4" }, { id: "5" }] }, { items: [{ id: "1" }, { id: "2" }] }],
  });
  messages.add("9", message("5"));
  expect(cache.getQueryData(["messages", "9"])).toBeUndefined();
});

it("adds a message to an answer that was under way when it came", async () => {
  const { cache, messages } = filled();
  let arrive = (_: unknown) => {};
  const asked = cache.fetchQuery({
    queryKey: ["messages", "3"],
    queryFn: () => new Promise((resolve) => (arrive = resolve)),
  });
  messages.add("3", message("9"));
  arrive({ pages: [{ items: [message("8")], nextCursor: null }], pageParams: [undefined] });
  await asked;
  expect(cache.getQueryData(["messages", "3"])).toMatchObject({
    pages: [{ items: [{ id: "8" }, { id: "9" }] }],
  });
});

it("moves the conversation of a new message to the top, and counts what others wrote", () => {
  const { cache, rows, messages } = filled();
  messages.add("1", message("500"));
  expect(rows()).toEqual([["1 500 3", "2 95 0"], ["3 70 1"]]);
  messages.add("3", { ...message("600"), senderId: "3" });
  expect(rows()).toEqual([["3 600 2", "1 500 3", "2 95 0"], []]);
  expect(cache.getQueryState(["conversations"])?.isInvalidated).toBe(false);
  messages.add("7", message("700"));
  expect(cache.getQueryState(["conversations"])?.isInvalidated).toBe(true);
});

it("counts what mentions the viewer among what is unread", () => {
  const { cache, messages } = filled();
  const mention = { kind: "mention", name: "me", start: 0, end: 3, userId: "me" } as const;
  const mentions = () =>
    cache.getQueryData<{ pages: { items: { id: string; mentions: number }[] }[] }>(["conversations"])!
      .pages[0]!.items[0];
  messages.add("1", { ...message("101"), senderId: "1", entities: [mention] }, "me");
  messages.add("1", { ...message("102"), senderId: "1", entities: [{ ...mention, userId: "2" }] }, "me");
  messages.add("1", { ...message("103"), senderId: "1", entities: [mention] }, "me");
  expect(mentions()).toMatchObject({ id: "1", mentions: 2 });
  messages.read("1", "102", "me");
  expect(mentions()).toMatchObject({ mentions: 1 });
  messages.read("1", "103", "me");
  expect(mentions()).toMatchObject({ mentions: 0 });
});

it("puts what was missed in its place, and counts it, though one's own message was told before", () => {
  const { cache, rows, messages } = filled();
  messages.add("1", { ...message("110"), senderId: "me" });
  for (const id of ["101", "102"]) messages.add("1", { ...message(id), senderId: "1" });
  const { pages } = cache.getQueryData<{ pages: { items: Message[] }[] }>(["messages", "1"])!;
  expect(pages[0]!.items.map(({ id }) => id)).toEqual(["3", "4", "101", "102", "110"]);
  expect(rows()[0]![0]).toBe("1 110 5");
});

it("asks how many are unread when another device has read up to an earlier one", () => {
  const { cache, messages } = filled();
  messages.add("1", { ...message("100"), senderId: "1" });
  messages.read("1", "90", "me");
  expect(cache.getQueryState(["conversations"])?.isInvalidated).toBe(true);
});

it("knows how many are left where it has what comes after, and asks nobody", () => {
  const { cache, rows, messages } = filled();
  for (const id of ["100", "101"]) messages.add("1", { ...message(id), senderId: "1" });
  messages.add("1", { ...message("102"), senderId: "me" });
  messages.add("1", { ...message("103"), senderId: "1" });
  messages.read("1", "100", "me");
  expect(rows()[0]![0]).toBe("1 103 2");
  expect(cache.getQueryState(["conversations"])?.isInvalidated).toBe(false);
});

it("marks a conversation as read", () => {
  const { rows, messages } = filled();
  messages.read("1", "90", "me");
  expect(rows()).toEqual([["2 95 0", "1 90 0"], ["3 70 1"]]);
});

it("knows how many are unread as it is told, also while that is being asked for; what is being read is nothing new", async () => {
  const { cache, messages } = filled();
  const known = () => cache.getQueryData(["unread"]);
  messages.unread(3, false);
  expect(known()).toBeUndefined();
  cache.setQueryData(["unread"], { messages: 4, notifications: 1 });
  let arrive = (_: unknown) => {};
  const asked = cache.fetchQuery({
    queryKey: ["unread"],
    queryFn: () => new Promise((resolve) => (arrive = resolve)),
  });
  messages.unread(5, false);
  expect(known()).toEqual({ messages: 5, notifications: 1 });
  arrive({ messages: 4, notifications: 2 });
  await asked;
  expect(known()).toEqual({ messages: 5, notifications: 2 });
  messages.unread(6, true);
  expect(known()).toMatchObject({ messages: 5 });
  messages.unread(0, true);
  expect(known()).toMatchObject({ messages: 0 });
});

it("knows how far the other one has read, which never goes back", () => {
  const { cache, messages } = filled();
  const read = () =>
    cache.getQueryData<{ pages: { peerReadUpTo?: string }[] }>(["messages", "1"])!.pages[0]!.peerReadUpTo;
  messages.readByPeer("1", "9");
  messages.readByPeer("1", "10");
  messages.readByPeer("1", "9");
  expect(read()).toBe("10");
});

it("shows everywhere whether a conversation is muted", () => {
  const { cache, messages } = filled();
  cache.setQueryData(["group", "1"], { id: "1", muted: false });
  messages.mute("1", true);
  expect(cache.getQueryData(["messages", "1"])).toMatchObject({ pages: [{ muted: true }, { muted: true }] });
  expect(cache.getQueryData(["group", "1"])).toMatchObject({ muted: true });
  const [first] = cache.getQueryData<{ pages: { items: object[] }[] }>(["conversations"])!.pages;
  expect(first!.items).toMatchObject([{ id: "2" }, { id: "1", muted: true }]);
  expect(first!.items[0]).not.toHaveProperty("muted");
});

it("changes a message wherever it is shown: in its list, as the latest, and where another one quotes it", () => {
  const { cache, messages } = filled();
  const answer = { ...message("6"), replyTo: { id: "1", senderId: "me", text: "1" } };
  messages.add("1", answer);
  cache.setQueryData(["messages", "1", "2"], { pages: [{ items: [message("1")] }], pageParams: [{}] });
  const recalled = { id: "1", senderId: "me", content: "", recalled: true } as Message;
  for (let i = 0; i < 2; i++) messages.change("1", recalled);
  const items = (key: string[]) =>
    cache.getQueryData<{ pages: { items: Message[] }[] }>(key)!.pages.flatMap((page) => page.items);
  expect(items(["messages", "1"]).find(({ id }) => id === "1")).toEqual(recalled);
  expect(items(["messages", "1", "2"])).toEqual([recalled]);
  expect(items(["messages", "1"]).find(({ id }) => id === "6")!.replyTo).toEqual({
    ...{ id: "1", senderId: "me", text: "", recalled: true },
  });
  messages.change("2", { ...message("95"), content: "now" });
  const [first] = cache.getQueryData<{ pages: { items: { latest: Message }[] }[] }>(["conversations"])!.pages;
  expect(first!.items.map(({ latest }) => latest.content)).toEqual(["now", "90"]);
});

it("takes a message away that the viewer has removed, and has the conversations counted again", () => {
  const { cache, messages } = filled();
  messages.add("1", { ...message("6"), replyTo: { id: "2", senderId: "me", text: "2" } });
  messages.hide("1", "2");
  const { pages } = cache.getQueryData<{ pages: { items: Message[] }[] }>(["messages", "1"])!;
  expect(pages.map(({ items }) => items.map(({ id }) => id))).toEqual([["3", "4", "6"], ["1"]]);
  expect(pages[0]!.items[2]!.replyTo).toEqual({ id: "2", text: "" });
  expect(cache.getQueryState(["conversations"])?.isInvalidated).toBe(true);
});
