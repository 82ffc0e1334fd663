import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { expect, test } from "vitest";
import { en } from "../i18n/en.ts";
import { zh } from "../i18n/zh.ts";

/** What the worker shows for what is pushed, while no page is there. */
async function shown(pushed: object) {
  const listeners = new Map<string, (event: object) => void>();
  const all: unknown[] = [];
  const context = createContext({
    addEventListener: (name: string, listener: (event: object) => void) => listeners.set(name, listener),
    clients: { matchAll: async () => [] },
    registration: { showNotification: async (title: string, more: object) => all.push({ title, ...more }) },
  });
  runInContext(readFileSync(new URL("../../public/push.js", import.meta.url), "utf8"), context);
  let work: unknown;
  listeners.get("push")!({ data: { json: () => pushed }, waitUntil: (promise: unknown) => (work = promise) });
  await work;
  return all[0] as { title: string; body: string; data: string };
}

test.each([
  ["en", en],
  ["zh", zh],
] as const)("what is pushed is said in the words of the page, %s", async (language, t) => {
  const said = t.notified as Record<string, string | ((...by: [string[], number, string]) => string)>;
  for (const kind of Object.keys(t.notificationKinds).filter((one) => one !== "message"))
    for (const others of [0, 1, 12])
      for (const pictures of [false, true]) {
        const words = (pictures && said[`${kind}Pictures`]) || said[kind]!;
        const text = typeof words === "string" ? words : words(["Ben"], others, String(others));
        const { title, body } = await shown({ id: "x", kind, language, name: "Ben", others, pictures });
        expect({ kind, title, body }).toEqual({
          kind,
          title: language === "en" ? "Douya" : "豆芽",
          body: text,
        });
      }
  for (const unread of [1, 3])
    expect(
      await shown({ kind: "message", language, name: "Ben", unread, conversationId: "5" }),
    ).toMatchObject({
      title: "Ben",
      body: t.newMessages(unread),
    });
});

test("each leads to where it happened", async () => {
  const place = async (more: object) =>
    (await shown({ language: "en", name: "Ben", others: 0, ...more })).data;
  expect(await place({ kind: "comment", videoId: "5", commentId: "7" })).toBe("/video/5?comments=7");
  expect(await place({ kind: "like", videoId: "5" })).toBe("/video/5");
  expect(await place({ kind: "follow", actorId: "8" })).toBe("/user/8");
  expect(await place({ kind: "follow", actorId: "8", others: 2 })).toBe("/notifications");
  expect(await place({ kind: "failed", videoId: "5" })).toBe("/me");
  expect(await place({ kind: "invitation" })).toBe("/messages");
  expect(await place({ kind: "moderation" })).toBe("/moderation/mine");
  expect(await place({ kind: "message", conversationId: "8", unread: 1 })).toBe("/messages/8");
  expect(await place({ kind: "message", conversationId: "9", unread: 1, inGroup: true })).toBe(
    "/messages/group/9",
  );
});
