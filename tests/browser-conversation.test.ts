import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { befriend, friendsAt } from "./harness/friends.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("a conversation in the browser", () => {
  const server = scenario("all");
  const browser = browsing();

  const sit = async (person: Person, path: string, device: "phone" | "desk" = "desk") => {
    const options = { ...loggedIn(server.origin, person.session), locale: "en-US" };
    const { page } = await browser.visit(server.origin, device, options);
    await page.goto(path);
    return page;
  };
  const friends = () => friendsAt(server);
  const write = async (from: Person, to: string, content: string) =>
    body(await from.post<Schemas["Message"]>(`/conversations/${to}/messages`, { json: { content } }), 201);
  const unreadOf = async (me: Person) => body(await me.get<{ messages: number }>("/me/unread")).messages;
  const bubble = (page: Page, text: string) =>
    page.locator(".bubble:not(.bubble-waiting)", { hasText: text }).last();
  const badge = (page: Page) => page.locator('.nav a[href="/messages"] .unread');
  const isInView = (page: Page, text: string) =>
    bubble(page, text).evaluate((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      const list = one.closest(".chat-scroller")!.getBoundingClientRect();
      return top >= list.top && bottom <= list.bottom;
    });

  test("what comes while one reads further up stays unread and where it is, and a button leads to it", async () => {
    const [ada, ben] = await friends();
    for (let i = 0; i < 25; i++) await write(ben, ada.id, `line ${i}\nand more of it`);
    const page = await sit(ada, `/messages/${ben.id}`);
    await bubble(page, "line 24").waitFor();
    await until("all is read", async () => (await unreadOf(ada)) === 0);
    const list = page.getByRole("log");
    await list.evaluate((one) => one.scrollTo(0, -400));
    await until("an older one is there", () => isInView(page, "line 18"));
    const topOf = () =>
      bubble(page, "line 18").evaluate((one) => Math.round(one.getBoundingClientRect().top));
    const before = await topOf();
    for (const text of ["further down", "and another"]) await write(ben, ada.id, text);
    const button = page.getByRole("button", { name: en.newMessages(2) });
    await button.waitFor();
    expect(Math.abs((await topOf()) - before)).toBeLessThan(3);
    expect(await unreadOf(ada)).toBe(2);
    await badge(page).getByText("2", { exact: true }).waitFor();
    await button.click();
    await until("the newest is in view", () => isInView(page, "and another"));
    await until("it is read", async () => (await unreadOf(ada)) === 0);
    await button.waitFor({ state: "detached" });
    await badge(page).waitFor({ state: "detached" });
  });

  test("what one searches for stays beside the conversation that it leads to", async () => {
    const [[ada, ben], [eve]] = [await friends(), await friends()];
    await befriend(ada, eve);
    await write(ben, ada.id, "the boat is blue");
    for (let i = 0; i < 60; i++) await write(ben, ada.id, `and ${i}`);
    await write(eve, ada.id, "my boat is red");
    const page = await sit(ada, "/messages");
    const search = page.getByLabel(en.searchMessages);
    await search.fill("boat");
    await page.getByRole("link", { name: "the boat is blue" }).click();
    await until("it is in view", () => isInView(page, "the boat is blue"));
    expect(await search.inputValue()).toBe("boat");
    await page.getByRole("link", { name: "my boat is red" }).click();
    await until("the other is in view", () => isInView(page, "my boat is red"));
    await search.fill("");
    await page.getByRole("link", { name: "and 59" }).waitFor();
  });

  test("newer messages around one that was searched for come below what is read, and none is skipped", async () => {
    const [ada, ben] = await friends();
    await write(ben, ada.id, "the boat is blue");
    for (let i = 0; i < 80; i++) await write(ben, ada.id, `and ${i}\nof them`);
    const page = await sit(ada, "/messages");
    await page.getByLabel(en.searchMessages).fill("boat");
    await page.getByRole("link", { name: "the boat is blue" }).click();
    await until("it is in view", () => isInView(page, "the boat is blue"));
    expect(await isInView(page, "and 29")).toBe(false);
    const newer = page.getByRole("button", { name: en.newerMessages });
    await newer.focus();
    await newer.press("Enter");
    await bubble(page, "and 59").waitFor();
    await until("what follows is in view", () => isInView(page, "and 30"));
    expect(await isInView(page, "and 29")).toBe(true);
    expect(await newer.evaluate((one) => one.matches(":focus"))).toBe(true);
  });

  test("what was found is in view, however long the name before it is", async () => {
    const [ada, ben] = await friends();
    body(await ben.patch("/me", { json: { name: "林".repeat(32) } }), 200);
    const json = { name: "Everybody", userIds: [ben.id] };
    const { group } = body(await ada.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
    await write(ben, group.id, `${"很".repeat(30)} boat ${"长".repeat(60)}`);
    const page = await sit(ada, "/messages");
    await page.getByLabel(en.searchMessages).fill("boat");
    const mark = page.locator("mark", { hasText: "boat" });
    await mark.waitFor();
    const isInLine = mark.evaluate((one) => {
      const [own, line] = [one, one.parentElement!].map((element) => element.getBoundingClientRect());
      return own!.bottom <= line!.bottom + 1 && own!.right <= line!.right + 1;
    });
    expect(await isInLine).toBe(true);
  });

  test("on a phone what was found is still there when one comes back from it", async () => {
    const [ada, ben] = await friends();
    await write(ben, ada.id, "the boat is blue");
    const page = await sit(ada, "/messages", "phone");
    await page.getByLabel(en.searchMessages).fill("boat");
    const found = page.getByRole("link", { name: "the boat is blue" });
    await found.click();
    await bubble(page, "the boat is blue").waitFor();
    await page.goBack();
    await found.waitFor();
    expect(await page.getByLabel(en.searchMessages).inputValue()).toBe("boat");
  });

  test("much that comes costs few requests: nothing is asked, and reading is told once a second", async () => {
    const [ada, ben] = await friends();
    await write(ada, ben.id, "hello");
    const page = await sit(ben, `/messages/${ada.id}`);
    await bubble(page, "hello").waitFor();
    await until("it is read", async () => (await unreadOf(ben)) === 0);
    // What the page asks for at its beginning is over.
    await page.waitForLoadState("networkidle");
    const asked: string[] = [];
    page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
    const startedMs = Date.now();
    for (let i = 0; i < 20; i++) await write(ada, ben.id, `number ${i}`);
    await bubble(page, "number 19").waitFor();
    await until("all is read", async () => (await unreadOf(ben)) === 0);
    const seconds = (Date.now() - startedMs) / 1_000;
    const marks = asked.filter((one) => one.endsWith("/read"));
    expect(marks.length).toBeLessThanOrEqual(seconds + 2);
    expect(asked.filter((one) => one.startsWith("GET /api/"))).toEqual([]);
  });

  test("one sees that the other has read it, when it happens and later", async () => {
    const [ada, ben] = await friends();
    await write(ada, ben.id, "have you seen this?");
    const hers = await sit(ada, `/messages/${ben.id}`);
    await bubble(hers, "have you seen this?").waitFor();
    const mark = hers.getByText(en.readByPeer, { exact: true });
    expect(await mark.count()).toBe(0);
    const his = await sit(ben, `/messages/${ada.id}`, "phone");
    await mark.waitFor();
    await hers.reload();
    await mark.waitFor();
    await his.getByLabel(en.writeMessage).fill("yes");
    await his.getByRole("button", { name: en.send, exact: true }).click();
    await mark.waitFor({ state: "detached" });
  });

  test("who hears the page is told what arrives, once, and nothing of what was there", async () => {
    const [ada, ben] = await friends();
    for (let i = 0; i < 40; i++) await write(ben, ada.id, `old ${i}`);
    const page = await sit(ada, `/messages/${ben.id}`);
    await bubble(page, "old 39").waitFor();
    const said = async () => (await page.getByRole("status").allTextContents()).join("");
    await page.getByRole("log").evaluate((one) => one.scrollTo(0, -one.scrollHeight));
    await bubble(page, "old 0").waitFor();
    await page.getByRole("log").evaluate((one) => one.scrollTo(0, 0));
    expect(await page.getByRole("log").getAttribute("aria-live")).toBe("off");
    expect(await said()).not.toContain("old");
    await write(ben, ada.id, "something new");
    await until("it is said", async () => (await said()).includes("something new"));
    await until("it is read", async () => (await unreadOf(ada)) === 0);
    expect(await said()).not.toContain(en.newMessages(1));
  });

  test("a conversation beyond the loaded ones can be muted", async () => {
    const [ada, ben] = await friends();
    await write(ben, ada.id, "long ago");
    const others = await Promise.all(Array.from({ length: 21 }, () => server.register()));
    for (const other of others) await write(other, ada.id, "hi");
    const page = await sit(ada, `/messages/${ben.id}`, "phone");
    await page.getByRole("button", { name: en.groups.mute, exact: true }).click();
    await page.getByRole("button", { name: en.groups.unmute, exact: true }).waitFor();
    await write(ben, ada.id, "not counted");
    await bubble(page, "not counted").waitFor();
    await page.reload();
    await page.getByRole("button", { name: en.groups.unmute, exact: true }).waitFor();
  });

  test("a message is sent on into a group", async () => {
    const [ada, ben] = await friends();
    await write(ben, ada.id, "tell everybody");
    const json = { name: "Everybody", userIds: [ben.id] };
    const { group } = body(await ada.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
    const page = await sit(ada, `/messages/${ben.id}`);
    await bubble(page, "tell everybody").click({ button: "right" });
    await page.getByRole("button", { name: en.forward }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: /Everybody/ })
      .click();
    await page.locator(".share-friend[data-sent=true]", { hasText: "Everybody" }).waitFor();
    const { items } = body(
      await ben.get<{ items: Schemas["Message"][] }>(`/conversations/${group.id}/messages`),
    );
    expect(items.at(-1)).toMatchObject({ content: "tell everybody", forwarded: true, senderId: ada.id });
  });

  test("who may not write in a group may again when the time has come, without a reload", async () => {
    const [ada, ben] = await friends();
    const json = { name: "Quiet", userIds: [ben.id] };
    const { group } = body(await ada.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
    const page = await sit(ben, "/messages");
    await page.clock.install();
    body(await ada.put(`/groups/${group.id}/members/${ben.id}/mute`, { json: { minutes: 60 } }), 204);
    await page.goto(`/messages/group/${group.id}`);
    await page.getByText(/^You are muted here/).waitFor();
    await page.clock.fastForward("01:01:00");
    await page.getByLabel(en.writeMessage).waitFor();
  });
});
