import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  ListReportedMessagesResponseSchema,
  ReadTimelinesResponseSchema,
} from "#contracts/gen/message_pb.ts";
import { maxId } from "#platform/ids/snowflake.ts";
import { maxMessageBytes } from "#platform/rpc/connection.ts";
import { quotedCharacters } from "./message-row.ts";
import {
  checkContent,
  checkEmoji,
  checkNotSelf,
  checkReport,
  maxMentions,
  maxMessages,
  maxReactions,
  maxReportsListed,
  refusalOf,
  shownAroundReported,
} from "./rules.ts";

const refused = (reason: string) => expect.objectContaining({ reason });

describe("checkContent", () => {
  test("keeps lines, tabs and joined emoji, trimmed and in one form", () => {
    expect(checkContent(" a\r\n\r\n\tb 👩‍👧 e\u0301\n")).toBe("a\n\n\tb 👩‍👧 \u00e9");
    expect(checkContent("😀".repeat(2000))).toHaveLength(4000);
  });
  test.each([
    ["nothing", ""],
    ["nothing that shows", " \n\u200b\u3164"],
    ["2,001 characters", "a".repeat(2001)],
    ["a null character", "a\u0000b"],
    ["half a character", "a\ud83d"],
  ])("%s is refused", (_what, content) => {
    expect(() => checkContent(content)).toThrow(refused("MESSAGE_INVALID"));
  });
});

describe("checkEmoji", () => {
  test.each([
    "👍",
    "👍🏽",
    "❤️",
    "🇨🇳",
    "1️⃣",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "🏳️‍🌈",
    "👨‍👩‍👧‍👦",
    "👩🏽‍❤️‍💋‍👨🏿",
    "🕵️‍♂️",
    "🏃🏽‍♀️‍➡️",
    "👁️‍🗨️",
    "☝🏽",
    "⛓️‍💥",
  ])("%s is one, as it is", (emoji) => {
    expect(checkEmoji(emoji)).toBe(emoji);
  });
  test.each([
    ["\u2764", "\u2764\ufe0f"],
    ["\u{1f44d}\ufe0f", "\u{1f44d}"],
    ["\u{1f441}\u200d\u{1f5e8}", "\u{1f441}\ufe0f\u200d\u{1f5e8}\ufe0f"],
  ])("what looks the same is the same", (emoji, same) => {
    expect(checkEmoji(emoji)).toBe(same);
  });
  test.each([
    ["a joiner at the end", "\u{1f44d}\u200d"],
    ["two selectors", "\u{1f44d}\ufe0f\ufe0f"],
    ["a tag that nobody sees", "\u{1f44d}\u{e0041}"],
    ["tags of no flag", "\u{1f3f4}\u{e0078}\u{e007f}"],
    ["words", "\u2764\ufe0e"],
    ["half a flag", "\u{1f1e8}"],
    ["two", "👍👍"],
    ["a digit", "1"],
    ["a joiner", "\u200d"],
  ])("%s is refused", (_what, emoji) => {
    expect(() => checkEmoji(emoji)).toThrow(refused("REACTION_INVALID"));
  });
});

test("nobody writes to themselves", () => {
  expect(() => checkNotSelf("1", "1")).toThrow(refused("WRITES_TO_SELF"));
  checkNotSelf("1", "2");
});

describe("refusalOf", () => {
  test.each([
    [0, false, false, undefined],
    [2, false, false, undefined],
    [3, false, false, "STRANGER_LIMIT"],
    [3, true, false, undefined],
    [3, false, true, undefined],
    [9, true, true, undefined],
  ])("after %i to a stranger, friends %s, answered %s: %s", (toStranger, friends, answered, reason) => {
    expect(refusalOf({ toStranger, friends, answered })?.reason).toBe(reason);
  });
});

describe("an answer with as many as there can be of the longest fits into one gRPC message", () => {
  const id = maxId.toString();
  const content = checkContent("😀".repeat(2_000));
  const picture = { key: "k".repeat(100), smallKey: "k".repeat(100), width: 1_600, height: 1_600 };
  test("of messages", () => {
    const message = {
      ...{ id, senderId: id, receiverId: id, content, sentAtMs: Date.now(), inGroup: true, forwarded: true },
      ...{ picture, videoId: id, profileId: id },
      replyTo: { id, senderId: id, content: "😀".repeat(quotedCharacters), picture: true },
      reactions: Array.from({ length: maxReactions }, () => ({
        ...{ emoji: checkEmoji("👩🏽‍❤️‍💋‍👨🏿"), count: 1_000, own: true },
      })),
      mentions: Array.from({ length: maxMentions }, () => ({ nameKey: "𐐨".repeat(32), userId: id })),
    };
    const entry = {
      ...{ seq: id, atMs: Date.now(), idempotencyKey: "k".repeat(64), unread: 1 },
      what: { case: "message" as const, value: message },
    };
    const timelines = Array.from({ length: maxMessages }, () => ({
      ...{ epoch: "e".repeat(64), seq: id, recovered: true, entries: [entry] },
    }));
    const answer = create(ReadTimelinesResponseSchema, { timelines });
    expect(toBinary(ReadTimelinesResponseSchema, answer).length).toBeLessThan(maxMessageBytes);
  });
  test("of reports", () => {
    const line = {
      ...{ senderId: id, content, sentAtMs: Date.now(), picture: true, shown: picture },
      ...{ videoId: id, profileId: id, reported: true },
    };
    const report = {
      ...{ id, reporterId: id, reason: 1, text: checkReport("😀".repeat(200)), reportedAtMs: Date.now() },
      lines: Array.from({ length: 2 * shownAroundReported + 1 }, () => line),
    };
    const reports = Array.from({ length: maxReportsListed }, () => report);
    const answer = create(ListReportedMessagesResponseSchema, { reports, next: id });
    expect(toBinary(ListReportedMessagesResponseSchema, answer).length).toBeLessThan(maxMessageBytes);
  });
});
