import { describe, expect, test } from "vitest";
import { en as enCommon } from "#apps/web/src/i18n/en.ts";
import { zh as zhCommon } from "#apps/web/src/i18n/zh.ts";
import { enModerating } from "#apps/web/src/moderation/en-moderating.ts";
import { zhModerating } from "#apps/web/src/moderation/zh-moderating.ts";
import { browsing, keepToasts, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body, expectProblem, type Schemas } from "./harness/http-client.ts";
import { moderatorAt } from "./harness/moderator.ts";
import { nameControls, overflowPx, paleTexts } from "./harness/page-checks.ts";
import { type Person, scenario } from "./harness/scenario.ts";

const en = { ...enCommon, ...enModerating };
const zh = { ...zhCommon, ...zhModerating };

describe("moderation in a browser", () => {
  const server = scenario("all");
  const browser = browsing();
  const sit = (person: Person, device: "phone" | "desk") =>
    browser.visit(server.origin, device, loggedIn(server.origin, person.session));
  const looksRight = async ({ page }: Awaited<ReturnType<typeof sit>>) => {
    const whole = page.locator("body");
    expect(await overflowPx(whole)).toBe(0);
    // Polled, since colours may fade.
    await expect.poll(() => paleTexts(whole)).toEqual([]);
  };

  test("a moderator's day: a film is reported on a phone, taken down at a desk, appealed, and let stand again", async () => {
    const [ada, bob] = await Promise.all([server.register(), server.register()]);
    const mo = await moderatorAt(server);
    const { id } = await ada.settled((await ada.publish(freshClip(), "Beans")).id);

    const phone = await sit(bob, "phone");
    await phone.page.goto(`/video/${id}`);
    await phone.page.getByRole("button", { name: zh.moreActions }).first().tap();
    await phone.page.getByRole("button", { name: zh.report }).tap();
    const dialog = phone.page.getByRole("dialog", { name: zh.reportTitles.video });
    await dialog.getByRole("radio", { name: zh.reportReasons.violence }).check({ force: true });
    await dialog.getByLabel(zh.reportText).fill("看这里");
    await looksRight(phone);
    await keepToasts(phone.page);
    await dialog.getByRole("button", { name: zh.reportSend }).tap();
    await phone.page.locator(".toast", { hasText: zh.reportSent }).waitFor();
    await phone.page.goto("/settings");
    await phone.page.getByText(zh.blockedPeople).waitFor();
    expect(await phone.page.getByRole("link", { name: zh.moderation, exact: true }).count()).toBe(0);

    const desk = await sit(mo, "desk");
    await desk.page.goto("/settings");
    await desk.page.getByRole("link", { name: en.moderation, exact: true }).click();
    const entry = desk.page.locator(".reported", { hasText: "Beans" });
    await entry.getByText(en.reasonCount(en.reportReasons.violence, "1")).waitFor();
    await entry.getByText("看这里").waitFor();
    // J opens the first, whose film plays in place; T decides about it.
    await desk.page.keyboard.press("j");
    await entry.locator("video").waitFor();
    await looksRight(desk);
    expect((await nameControls(desk)).nameless).toEqual([]);
    await desk.page.keyboard.press("t");
    const act = desk.page.getByRole("dialog", { name: en.acts["take-down"] });
    expect(await act.getByRole("radio", { name: en.reportReasons.violence }).isChecked()).toBe(true);
    await act.getByLabel(en.actText).fill("No blood here.");
    await act.getByRole("button", { name: en.acts["take-down"] }).click();
    await desk.page.getByText(en.moderationEmptyBody).waitFor();
    expectProblem(await bob.get(`/videos/${id}`), 404, "VIDEO_NOT_FOUND");

    const theirs = await sit(ada, "phone");
    await theirs.page.goto("/notifications");
    await theirs.page.getByText(zh.notified.moderation).click();
    await theirs.page.getByText("No blood here.").waitFor();
    await looksRight(theirs);
    await theirs.page.getByRole("button", { name: zh.appeal }).tap();
    await theirs.page.getByLabel(zh.appealWhy).fill("只是番茄酱");
    await theirs.page.getByRole("dialog").getByRole("button", { name: zh.appeal }).tap();
    await theirs.page.getByText(zh.youAsked).waitFor();

    const late = await sit(mo, "phone");
    await late.page.goto("/moderation");
    const again = late.page.locator(".reported", { hasText: "只是番茄酱" });
    await again.getByRole("button", { name: zh.moderate }).tap();
    await again.getByText("No blood here.").waitFor();
    await looksRight(late);
    await again.getByRole("button", { name: zh.acts.restore }).tap();
    await late.page.getByRole("dialog").getByRole("button", { name: zh.acts.restore }).tap();
    await late.page.getByText(zh.moderationEmptyBody).waitFor();
    body(await bob.get(`/videos/${id}`));
    await late.page.getByRole("radio", { name: zh.actLog }).check({ force: true });
    const log = late.page.getByRole("list", { name: zh.actLog });
    await log.getByText(zh.acts["take-down"]).waitFor();
    await looksRight(late);

    // The page refuses everybody else.
    phone.expectStatus(403);
    await phone.page.goto("/moderation");
    await phone.page.getByText(zh.reasons.MODERATORS_ONLY).waitFor();
    // A retry would not help.
    expect(await phone.page.getByRole("button", { name: zh.retry }).count()).toBe(0);
  });

  test("a comment is reported beside its video, and several things are decided at once", async () => {
    const [ada, bob] = await Promise.all([server.register(), server.register()]);
    const mo = await moderatorAt(server);
    const { id } = await ada.settled((await ada.publish(freshClip())).id);
    const say = async (person: Person, text: string) =>
      body(await person.post<Schemas["Comment"]>(`/videos/${id}/comments`, { json: { text } }), 201);
    for (const text of ["Buy my beans.", "Buy my peas."]) await say(ada, text);
    await say(bob, "Mine.");
    const phone = await sit(bob, "phone");
    await phone.page.goto(`/video/${id}?comments`);
    const sheet = phone.page.getByRole("dialog").first();
    const item = (text: string) => sheet.getByRole("listitem").filter({ hasText: text });
    for (const text of ["Buy my beans.", "Buy my peas."]) {
      await item(text)
        .getByRole("button", { name: zh.reportOf(ada.username) })
        .tap();
      const dialog = phone.page.getByRole("dialog", { name: zh.reportTitles.comment });
      await dialog.getByRole("button", { name: zh.reportSend }).tap();
      await dialog.waitFor({ state: "detached" });
    }
    // Not on one's own.
    expect(await item("Mine.").getByRole("button", { name: zh.report }).count()).toBe(0);

    const { page } = await sit(mo, "desk");
    await page.goto("/moderation");
    const entry = (text: string) => page.locator(".reported", { hasText: text });
    for (const text of ["Buy my beans.", "Buy my peas."])
      await entry(text).getByRole("checkbox", { name: en.select }).check();
    await entry("Buy my beans.").getByRole("button", { name: en.moderate }).click();
    await entry("Buy my beans.").getByRole("button", { name: en.acts["take-down"] }).click();
    await page.getByRole("dialog").getByRole("button", { name: en.acts["take-down"] }).click();
    await page.getByText(en.moderationEmptyBody).waitFor();
    await page.goto(`/video/${id}?comments`);
    await expect.poll(() => page.getByText(en.commentTakenDown).count()).toBe(2);
  });

  test("a message is reported from its menu, and moderators see it with what came before it", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    const mo = await moderatorAt(server);
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
    const dialog = page.getByRole("dialog", { name: zh.reportTitles.message });
    await dialog.getByRole("radio", { name: zh.reportReasons.abuse }).check({ force: true });
    await keepToasts(page);
    await dialog.getByRole("button", { name: zh.reportSend }).tap();
    await page.locator(".toast", { hasText: zh.reportSent }).waitFor();

    const desk = await sit(mo, "desk");
    await desk.page.goto("/moderation");
    const entry = desk.page.locator(".reported", { hasText: "You are a weed." });
    await entry.getByText("Shall I water them?").waitFor();
    await looksRight(desk);
    await entry.getByRole("button", { name: en.moderate }).click();
    await entry.getByRole("button", { name: en.acts.dismiss }).click();
    await desk.page.getByRole("dialog").getByRole("button", { name: en.acts.dismiss }).click();
    await desk.page.getByText(en.moderationEmptyBody).waitFor();
  });
});
