import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { type Person, scenario } from "./harness/scenario.ts";

describe("a browser that lets no page keep anything", { timeout: 90_000 }, () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  beforeAll(async () => {
    ada = await server.register();
    await ada.settled((await ada.publish(freshClip(), "Kept nowhere")).id);
  });

  test("plays the feed, logs in, and likes", async () => {
    const { page } = await browser.visit(server.origin, "desk", { siteDataBlocked: true });
    await page.goto("/login");
    await expect(page.evaluate("localStorage")).rejects.toThrow(/Access is denied/);
    await page.getByLabel(en.username).fill(ada.username);
    await page.getByRole("textbox", { name: en.password, exact: true }).fill(ada.password);
    await page.getByRole("button", { name: en.logIn }).click();
    await page.locator("article", { hasText: "Kept nowhere" }).waitFor();
    await page.waitForFunction("[...document.querySelectorAll('video')].some((one) => one.currentTime > 0)");
    await page.locator(".rail-like").first().click();
    await page.locator(".rail-like[aria-pressed=true]").waitFor();
  });
});
