import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { befriend } from "./harness/friends.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const words = en.groups;

describe("groups in browsers", () => {
  const server = scenario("all");
  const browser = browsing();

  const sit = (person: Person, device: "phone" | "desk") =>
    browser.visit(server.origin, device, { ...loggedIn(server.origin, person.session), locale: "en-US" });
  const nameOf = (person: Person) => person.session.user.name;
  async function write(page: Page, text: string) {
    await page.getByLabel(en.writeMessage).fill(text);
    await page.getByRole("button", { name: en.send, exact: true }).click();
  }
  const hears = (page: Page, text: string) =>
    page.locator(".bubble:not(.bubble-waiting)", { hasText: text }).waitFor();
  const happens = (page: Page, text: string) =>
    page.locator(".bubble-notice").getByText(text, { exact: true }).waitFor();

  test("three make a group and talk, a fourth joins by a link, and one is removed", async () => {
    const [ada, ben, cleo, dora] = (await Promise.all([1, 2, 3, 4].map(() => server.register()))) as [
      Person,
      Person,
      Person,
      Person,
    ];
    await befriend(ada, ben);
    await befriend(ada, cleo);
    const [hers, his, theirs] = [await sit(ada, "desk"), await sit(ben, "phone"), await sit(cleo, "desk")];
    const { page: a } = hers;
    const { page: b } = his;
    const { page: c } = theirs;
    await b.goto("/messages");
    await b.getByRole("button", { name: words.create }).waitFor();
    await a.goto("/messages");
    await a.getByRole("button", { name: words.create }).click();
    await a.getByLabel(words.name).fill("Dumplings");
    for (const friend of [ben, cleo]) await a.getByRole("checkbox", { name: nameOf(friend) }).check();
    await a.getByRole("button", { name: words.createAction, exact: true }).click();
    await happens(a, words.notices.created(words.you));
    // It appears where one looks at the list.
    await b.getByRole("link", { name: /Dumplings/ }).click();
    await happens(b, words.notices.created(nameOf(ada)));
    await write(b, "who brings the sauce?");
    await hears(a, "who brings the sauce?");
    await a.locator(".bubble-name", { hasText: nameOf(ben) }).waitFor();
    await c.goto("/messages");
    await c.getByRole("link", { name: /Dumplings/ }).click();
    await hears(c, "who brings the sauce?");
    await write(c, "I do");
    for (const page of [a, b]) await hears(page, "I do");
    await c.getByText(words.readBy("2")).waitFor();

    // A link, and who follows it.
    await a.getByRole("button", { name: words.open }).click();
    await a.getByRole("button", { name: words.link }).click();
    await a.getByRole("button", { name: words.makeLink }).click();
    const url = await a.locator(".group-link").textContent();
    await a.keyboard.press("Escape");
    await a.keyboard.press("Escape");
    const guest = await browser.visit(server.origin, "phone", { locale: "en-US" });
    await guest.page.goto(new URL(url!).pathname);
    await guest.page.getByRole("link", { name: words.joinLogIn }).waitFor();
    const { page: d } = await sit(dora, "phone");
    await d.goto(new URL(url!).pathname);
    await d.getByRole("heading", { name: "Dumplings" }).waitFor();
    await d.getByRole("button", { name: words.join }).click();
    await happens(d, words.notices.joined(words.you));
    for (const page of [a, b, c]) await happens(page, words.notices.joined(nameOf(dora)));
    // Who joins sees from then on.
    expect(await d.locator(".bubble").count()).toBe(0);
    await write(d, "hello, I am new");
    for (const page of [a, b, c]) await hears(page, "hello, I am new");

    // Muted by a member for themselves: nothing is counted.
    await b.getByRole("button", { name: words.open }).click();
    await b.getByRole("button", { name: words.mute, exact: true }).click();
    await b.getByRole("button", { name: words.unmute, exact: true }).waitFor();
    await b.keyboard.press("Escape");
    await b.goto("/hot");
    await write(d, "not counted");
    await hears(a, "not counted");
    await until("ben's list", async () => {
      type Listed = { items: Schemas["Conversation"][] };
      const { items } = body(await ben.get<Listed>("/conversations"));
      return items[0]?.unread === 1;
    });
    expect(await b.locator('.nav a[href="/messages"] .unread').count()).toBe(0);

    // But for what mentions them, whom one chooses from a list.
    await d.getByLabel(en.writeMessage).pressSequentially("look, @");
    const list = d.getByRole("listbox", { name: words.whomToMention });
    for (const person of [ada, ben, cleo]) await list.getByRole("option", { name: nameOf(person) }).waitFor();
    await d.getByLabel(en.writeMessage).pressSequentially(ben.username);
    await list.getByRole("option", { name: nameOf(ada) }).waitFor({ state: "detached" });
    await d.keyboard.press("Enter");
    await d.getByRole("button", { name: en.send, exact: true }).click();
    await d.locator(`.bubble a[href="/user/${ben.id}"]`, { hasText: `@${ben.username}` }).waitFor();
    await b.locator('.nav a[href="/messages"] .unread').waitFor();
    await b.goto("/messages");
    await b.getByRole("img", { name: words.mentioned }).waitFor();
    await b.getByRole("link", { name: /Dumplings/ }).click();
    await b.getByRole("img", { name: words.mentioned }).waitFor({ state: "detached" });

    // One is removed, and refused what they ask for then.
    theirs.expectStatus(403);
    await a.getByRole("button", { name: words.open }).click();
    await a.getByRole("button", { name: en.actOn(en.moreActions, nameOf(cleo)) }).click();
    await a.getByRole("button", { name: words.remove }).click();
    await a.getByRole("button", { name: words.remove }).click();
    await c.getByText(words.notInBody).waitFor();
    await c.getByRole("link", { name: /Dumplings/ }).waitFor({ state: "detached" });
    await happens(d, words.notices.removed(nameOf(ada), nameOf(cleo)));
  });

  test("somebody who is no friend is asked, and joins by themselves", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    const { page } = await sit(ben, "phone");
    await page.goto("/messages");
    await page.getByRole("button", { name: words.create }).waitFor();
    const json = { name: "Strangers", userIds: [ben.id] };
    body(await ada.post("/groups", { json }), 201);
    await page.getByText(words.invitedBy(nameOf(ada))).waitFor();
    await page.getByRole("button", { name: en.actOn(words.accept, "Strangers") }).click();
    await happens(page, words.notices.joined(words.you));
    await write(page, "here I am");
    await hears(page, "here I am");
  });

  test("who leads a group sees who is invited, and takes an invitation back", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    const json = { name: "Not yet", userIds: [ben.id] };
    const { group } = body(await ada.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
    const { page } = await sit(ada, "desk");
    await page.goto(`/messages/group/${group.id}`);
    await page.getByRole("button", { name: words.open }).click();
    const waiting = page.getByRole("list", { name: words.waiting });
    await waiting.getByText(nameOf(ben), { exact: true }).waitFor();
    await waiting.getByRole("button", { name: en.actOn(words.takeBack, nameOf(ben)) }).click();
    await waiting.waitFor({ state: "detached" });
    expect(body(await ben.get<{ items: unknown[] }>("/me/group-invitations")).items).toEqual([]);
  });

  test("who writes in a group is named to the others until their words have come", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    await befriend(ada, ben);
    const json = { name: "Typists", userIds: [ben.id] };
    const { group } = body(await ada.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
    const [{ page: hers }, { page: his }] = [await sit(ada, "desk"), await sit(ben, "phone")];
    for (const page of [hers, his]) {
      await page.goto(`/messages/group/${group.id}`);
      await page.getByLabel(en.writeMessage).waitFor();
    }
    const line = hers.locator(".chat-head").getByText(words.said(nameOf(ben), en.writing), { exact: true });
    // A word of it may be lost while a line begins.
    await until("his writing is seen", async () => {
      await his.getByLabel(en.writeMessage).press("a");
      return line.isVisible();
    });
    await his.getByRole("button", { name: en.send, exact: true }).click();
    await hears(hers, "a");
    await line.waitFor({ state: "detached" });
    await hers.locator(".chat-head").getByText(words.members("2"), { exact: true }).waitFor();
  });
});
