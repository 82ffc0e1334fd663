import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { friendsAt } from "./harness/friends.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { overflowPx } from "./harness/page-checks.ts";
import { png } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("what one can do with messages in the browser", () => {
  const server = scenario("all");
  const browser = browsing();

  const sit = async (person: Person, peer: Person, device: "phone" | "desk") => {
    const options = { ...loggedIn(server.origin, person.session), locale: "en-US" };
    const { page } = await browser.visit(server.origin, device, options);
    await page.goto(`/messages/${peer.id}`);
    await page.getByLabel(en.writeMessage).waitFor();
    return page;
  };
  const friends = () => friendsAt(server);
  const sent = async (from: Person, to: Person, content: string) =>
    body(await from.post<Schemas["Message"]>(`/conversations/${to.id}/messages`, { json: { content } }), 201);
  const row = (page: Page, text: string) =>
    page.locator(".bubble-row", { has: page.locator(".bubble > p", { hasText: text }) });
  const choose = (page: Page, name: string) =>
    page.getByRole("dialog").getByRole("button", { name, exact: true }).click();

  test("by keyboard one reacts, answers and takes back, and the other sees it at once", async () => {
    const [ada, ben] = await friends();
    await sent(ada, ben, "shall we?");
    const [hers, his] = [await sit(ada, ben, "desk"), await sit(ben, ada, "desk")];
    await row(his, "shall we?").getByRole("button", { name: en.messageActions }).focus();
    await his.keyboard.press("Enter");
    const thumb = his.getByRole("dialog").getByRole("button", { name: "👍" });
    await thumb.focus();
    await his.keyboard.press("Enter");
    const chip = row(hers, "shall we?").getByRole("button", { name: en.reactions("👍", "1") });
    await chip.waitFor();
    expect(await chip.getAttribute("aria-pressed")).toBe("false");
    await chip.click();
    await row(his, "shall we?")
      .getByRole("button", { name: en.reactions("👍", "2") })
      .waitFor();
    // The focus is where one goes on.
    await row(his, "shall we?").getByRole("button", { name: en.messageActions }).focus();
    await his.keyboard.press("Enter");
    await choose(his, en.reply);
    await until("the field has the focus", () =>
      his.getByLabel(en.writeMessage).evaluate((field) => field === field.ownerDocument.activeElement),
    );
    await his.keyboard.type("we shall");
    await his.keyboard.press("Enter");
    await row(hers, "we shall").getByText("shall we?").waitFor();
    expect(await his.getByRole("button", { name: en.cancelReply }).count()).toBe(0);
    await row(his, "we shall").locator(".bubble").click({ button: "right" });
    await choose(his, en.recall);
    await hers.getByText(en.recalledBy(ben.username)).waitFor();
    await his.getByText(en.youRecalled).waitFor();
    await expect.poll(() => row(hers, "we shall").count()).toBe(0);
    // The list of conversations hears of it by itself.
    await expect.poll(() => hers.getByText("we shall").count()).toBe(0);
  });

  test("one answers with pictures; the first of them is the answer", async () => {
    const [ada, ben] = await friends();
    await sent(ada, ben, "what do you see?");
    const [hers, his] = [await sit(ada, ben, "phone"), await sit(ben, ada, "phone")];
    await row(his, "what do you see?").locator(".bubble").click({ button: "right" });
    await choose(his, en.reply);
    await his.getByRole("button", { name: en.cancelReply }).waitFor();
    const files = ["one.png", "two.png"].map((name) => ({
      ...{ name, mimeType: "image/png", buffer: png(300, 200) },
    }));
    await his.locator("input[type=file]").setInputFiles(files);
    for (const page of [his, hers]) {
      await until("both are there", async () => (await page.locator("button.bubble-picture").count()) === 2);
      const answer = page.locator(".bubble-row", { has: page.locator("button.bubble-picture") }).first();
      await answer.locator("button.quote", { hasText: "what do you see?" }).waitFor();
      expect(await page.locator("button.quote").count()).toBe(1);
    }
    expect(await his.getByRole("button", { name: en.cancelReply }).count()).toBe(0);
    await hers.locator("button.bubble-picture").last().click();
    // The browser's own menu saves it; the message's would lie over it.
    await hers.getByRole("dialog").locator("img").click({ button: "right" });
    expect(await hers.getByRole("dialog").count()).toBe(1);
    await hers.getByRole("dialog").getByRole("button", { name: en.close }).click();
    await hers.getByRole("dialog").waitFor({ state: "detached" });
  });

  test("of several pictures the first one that is taken is the answer", async () => {
    const [ada, ben] = await friends();
    await sent(ada, ben, "what do you see?");
    const options = { ...loggedIn(server.origin, ben.session), locale: "en-US" };
    const { page, expectStatus } = await browser.visit(server.origin, "phone", options);
    expectStatus(415, 422);
    await page.goto(`/messages/${ada.id}`);
    await row(page, "what do you see?").locator(".bubble").click({ button: "right" });
    await choose(page, en.reply);
    await page.getByRole("button", { name: en.cancelReply }).waitFor();
    await page.locator("input[type=file]").setInputFiles(
      [Buffer.from("no picture"), png(300, 200), png(200, 300)].map((buffer, i) => ({
        ...{ name: `${i}.png`, mimeType: "image/png", buffer },
      })),
    );
    await until("two are there", async () => (await page.locator("button.bubble-picture").count()) === 2);
    const answers = page.locator(".bubble-row", { has: page.locator(".quote") });
    await until("one is the answer", async () => (await answers.count()) === 1);
    expect(await answers.locator("button.bubble-picture").count()).toBe(1);
    expect(await page.locator(".bubble-failed").count()).toBe(1);
  });

  test("a tap on what was answered goes to it, however far back it is", async () => {
    const [ada, ben] = await friends();
    const first = await sent(ada, ben, "the first of all");
    for (let i = 0; i < 80; i++) await sent(i % 2 ? ada : ben, i % 2 ? ben : ada, `number ${i}`);
    const replyTo = { json: { content: "about that", replyTo: first.id } };
    body(await ben.post(`/conversations/${ada.id}/messages`, replyTo), 201);
    const page = await sit(ada, ben, "phone");
    expect(await row(page, "the first of all").count()).toBe(0);
    await row(page, "about that").locator("button.quote").click();
    await row(page, "the first of all").and(page.locator("[data-sought=true]")).waitFor();
    await until("it is in view", () =>
      row(page, "the first of all").evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return top >= 0 && bottom <= element.ownerDocument.defaultView.innerHeight;
      }),
    );
  });

  test("a finger that stays on a message opens what one can do; what one deletes stays with the other", async () => {
    const [ada, ben] = await friends();
    await sent(ada, ben, "keep me");
    await sent(ada, ben, "not for me");
    const [hers, his] = [await sit(ada, ben, "desk"), await sit(ben, ada, "phone")];
    await row(his, "not for me").locator(".bubble").dispatchEvent("pointerdown", { pointerType: "touch" });
    await choose(his, en.deleteForMe);
    await row(his, "not for me").waitFor({ state: "detached" });
    await his.goto("/messages");
    await his.getByRole("link", { name: ada.username }).getByText("keep me").waitFor();
    // Her page may have been slow to load.
    await expect.poll(() => row(hers, "not for me").count()).toBe(1);
  });

  test("text that is made to break out stays in its bubble", async () => {
    const [ada, ben] = await friends();
    const zalgo = `z${"\u0334\u0335\u0336".repeat(300)}algo`;
    const turned = "\u202egnp.exe";
    await sent(ada, ben, zalgo);
    await sent(ada, ben, turned);
    await sent(ada, ben, "x".repeat(2000));
    const page = await sit(ben, ada, "phone");
    await until("all of them", async () => (await page.locator(".bubble").count()) === 3);
    for (const bubble of await page.locator(".bubble").all())
      expect(
        await bubble.evaluate((one) => [
          one.ownerDocument.defaultView.getComputedStyle(one).overflow,
          one.scrollWidth <= one.clientWidth + 1,
        ]),
      ).toEqual(["hidden", true]);
    expect(await overflowPx(page.locator("body"))).toBe(0);
  });
});
