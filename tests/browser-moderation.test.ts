import pg from "pg";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, keepToasts, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { nameControls, overflowPx, paleTexts } from "./harness/page-checks.ts";
import { type Person, scenario } from "./harness/scenario.ts";

describe("reported comments in a browser", () => {
  const server = scenario("all");
  const browser = browsing();
  const sit = (person: Person, device: "phone" | "desk") =>
    browser.visit(server.origin, device, loggedIn(server.origin, person.session));

  async function makeModerator(person: Person): Promise<void> {
    const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await client.connect();
    await client.query(`update "user".account set role = 'moderator' where id = $1`, [person.id]);
    await client.end();
  }

  test("a comment is reported on a phone and judged at a desk", async () => {
    const [ada, bob, mo] = (await Promise.all([1, 2, 3].map(() => server.register()))) as [
      Person,
      Person,
      Person,
    ];
    await makeModerator(mo);
    const { id } = await ada.settled((await ada.publish(freshClip())).id);
    const say = async (text: string) =>
      body(await ada.post<Schemas["Comment"]>(`/videos/${id}/comments`, { json: { text } }), 201);
    const comments = [await say("Buy my beans."), await say("You are a weed.")];
    await bob.post<Schemas["Comment"]>(`/videos/${id}/comments`, { json: { text: "Mine." } });

    const phone = await sit(bob, "phone");
    await phone.page.goto(`/video/${id}?comments`);
    const sheet = phone.page.getByRole("dialog").first();
    const item = (text: string) => sheet.getByRole("listitem").filter({ hasText: text });
    const report = (text: string) => item(text).getByRole("button", { name: zh.reportOf(ada.username) });
    await report("Buy my beans.").waitFor();
    // Not on one's own.
    expect(await item("Mine.").getByRole("button", { name: zh.report }).count()).toBe(0);
    for (const [text, reason] of [
      ["Buy my beans.", zh.reportReasons.spam],
      ["You are a weed.", zh.reportReasons.abuse],
    ] as const) {
      await report(text).tap();
      const dialog = phone.page.getByRole("dialog", { name: zh.reportTitle });
      await dialog.getByRole("radio", { name: reason }).tap();
      await dialog.getByLabel(zh.reportText).fill(`看这里：${text}`);
      // Rotated, as a tablet is, it keeps the text; the comments move to the side once it is closed.
      await phone.page.setViewportSize({ width: 1180, height: 820 });
      await phone.page.evaluate(
        "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))",
      );
      expect(await dialog.getByLabel(zh.reportText).inputValue()).toBe(`看这里：${text}`);
      await keepToasts(phone.page);
      await dialog.getByRole("button", { name: zh.reportSend }).tap();
      await phone.page.locator(".toast", { hasText: zh.reportSent }).waitFor();
      await dialog.waitFor({ state: "detached" });
      await phone.page.locator(".drawer-panel").waitFor();
      await phone.page.setViewportSize({ width: 390, height: 844 });
      await sheet.waitFor();
    }
    await phone.page.goto("/settings");
    await phone.page.getByText(zh.blockedPeople).waitFor();
    expect(await phone.page.getByRole("link", { name: zh.moderation }).count()).toBe(0);

    const desk = await sit(await server.logIn(mo.username, mo.password), "desk");
    await desk.page.goto("/settings");
    await desk.page.getByRole("link", { name: en.moderation }).click();
    const queue = desk.page.getByRole("list", { name: en.moderation });
    const entry = (text: string) => queue.locator(".reported", { hasText: text });
    await entry("You are a weed.").waitFor();
    await entry("Buy my beans.").getByText(en.reasonCount(en.reportReasons.spam, "1")).waitFor();
    await entry("Buy my beans.").getByText("看这里：Buy my beans.").waitFor();
    const whole = desk.page.locator("body");
    expect(await overflowPx(whole)).toBe(0);
    // Polled, since colours may fade.
    await expect.poll(() => paleTexts(whole)).toEqual([]);
    expect((await nameControls(desk)).nameless).toEqual([]);
    const { page: small } = await sit(await server.logIn(mo.username, mo.password), "phone");
    await small.goto("/moderation");
    await small.locator(".reported").first().waitFor();
    expect(await overflowPx(small.locator("body"))).toBe(0);
    await expect.poll(() => paleTexts(small.locator("body"))).toEqual([]);

    await entry("Buy my beans.").getByRole("button", { name: en.deleteAction }).click();
    const because = async (action: string, reason: string) => {
      const dialog = desk.page.getByRole("dialog");
      const button = dialog.getByRole("button", { name: action });
      await button.waitFor();
      expect(await button.isDisabled()).toBe(true);
      await dialog.getByLabel(en.moderationReason).fill(reason);
      await button.click();
    };
    await because(en.deleteAction, "An advertisement & nothing else?");
    await entry("Buy my beans.").waitFor({ state: "detached" });
    await entry("You are a weed.").getByRole("button", { name: en.letStand }).click();
    await because(en.letStand, "No insult.");
    await desk.page.getByText(en.moderationEmptyBody).waitFor();
    await desk.page.reload();
    await desk.page.getByText(en.moderationEmptyBody).waitFor();
    const left = body(await bob.get<Page<Schemas["Comment"]>>(`/videos/${id}/comments`));
    expect(left.items.map((one) => one.text)).toEqual(["Mine.", comments[1]!.text]);

    // At the side of the comments, and of a video as well; people are not asked for a reason for their own.
    await desk.page.goto(`/video/${id}?comments`);
    const beside = desk.page.locator(".comment", { hasText: "You are a weed." });
    await beside.getByRole("button", { name: en.deleteAction }).click();
    await because(en.deleteAction, "An insult after all.");
    await beside.waitFor({ state: "detached" });
    const logged = async () => {
      const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
      await client.connect();
      const { rows } = await client.query<{ kind: string; reason: string }>(
        "select kind, reason from security.entry where actor_id = $1 order by at",
        [mo.id],
      );
      await client.end();
      return rows;
    };
    expect(await logged()).toEqual([
      { kind: "comment-deleted", reason: "An advertisement & nothing else?" },
      { kind: "reports-dismissed", reason: "No insult." },
      { kind: "comment-deleted", reason: "An insult after all." },
    ]);

    // The page refuses everybody else.
    phone.expectStatus(403);
    await phone.page.goto("/moderation");
    await phone.page.getByText(zh.reasons.MODERATORS_ONLY).waitFor();
    // A retry would not help.
    expect(await phone.page.getByRole("button", { name: zh.retry }).count()).toBe(0);
  });

  test("a message is reported from its menu, and moderators see it with what came before it", async () => {
    const [ada, ben, mo] = (await Promise.all([1, 2, 3].map(() => server.register()))) as [
      Person,
      Person,
      Person,
    ];
    await makeModerator(mo);
    body(await ada.put(`/users/${ben.id}/follow`), 204);
    body(await ben.put(`/users/${ada.id}/follow`), 204);
    const write = async (from: Person, to: Person, content: string) =>
      body(await from.post(`/conversations/${to.id}/messages`, { json: { content } }), 201);
    await write(ada, ben, "Shall I water them?");
    await write(ben, ada, "You are a weed.");
    const { page } = await sit(ada, "phone");
    await page.goto(`/messages/${ben.id}`);
    const row = page.locator(".bubble-row", { hasText: "You are a weed." });
    await row.getByRole("button", { name: zh.messageActions }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: zh.report }).tap();
    const dialog = page.getByRole("dialog", { name: zh.reportMessageTitle });
    await dialog.getByRole("radio", { name: zh.reportReasons.abuse }).tap();
    await keepToasts(page);
    await dialog.getByRole("button", { name: zh.reportSend }).tap();
    await page.locator(".toast", { hasText: zh.reportSent }).waitFor();

    const { page: desk } = await sit(await server.logIn(mo.username, mo.password), "desk");
    await desk.goto("/moderation");
    await desk.getByRole("radio", { name: en.reportedMessages }).check();
    const entry = desk.locator(".reported", { hasText: "You are a weed." });
    await entry.getByText("Shall I water them?").waitFor();
    expect(await overflowPx(desk.locator("body"))).toBe(0);
    await expect.poll(() => paleTexts(desk.locator("body"))).toEqual([]);
    await entry.getByRole("button", { name: en.judged }).click();
    await desk.getByRole("dialog").getByLabel(en.moderationReason).fill("Talked to them.");
    await desk.getByRole("dialog").getByRole("button", { name: en.judged }).click();
    await desk.getByText(en.reportedMessagesEmpty).waitFor();
  });
});
