import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { friendsAt } from "./harness/friends.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

describe("who is here, and what moves, in browsers", () => {
  const server = scenario("all");
  const browser = browsing();
  const sit = (person: Person, device: "phone" | "desk") =>
    browser.visit(server.origin, device, { ...loggedIn(server.origin, person.session), locale: "en-US" });
  const friends = () => friendsAt(server);
  const dot = (page: Page) => page.locator(".online-dot");
  const line = (page: Page) => page.locator(".chat-name small");

  test("two people see each other come, write and go, and a second tab knows it too", async () => {
    const [ada, ben] = await friends();
    const { page: hers } = await sit(ada, "desk");
    await hers.goto(`/messages/${ben.id}`);
    await hers.getByLabel(en.writeMessage).waitFor();
    expect(await dot(hers).count()).toBe(0);
    const { page: his } = await sit(ben, "phone");
    await his.goto(`/messages/${ada.id}`);
    await line(hers).getByText(en.online).waitFor();
    await dot(hers).first().waitFor();
    await line(his).getByText(en.online).waitFor();
    const tab = await hers.context().newPage();
    await tab.goto(`/messages/${ben.id}`);
    await line(tab).getByText(en.online).waitFor();
    await his.getByLabel(en.writeMessage).pressSequentially("hel");
    await line(hers).getByText(en.writing).waitFor();
    await line(tab).getByText(en.writing).waitFor();
    await his.getByLabel(en.writeMessage).fill("hello");
    await his.getByRole("button", { name: en.send, exact: true }).click();
    await hers.locator(".bubble", { hasText: "hello" }).waitFor();
    await line(hers).getByText(en.online).waitFor();
    // From the tab without the connection.
    await tab.getByLabel(en.writeMessage).pressSequentially("he");
    await line(his).getByText(en.writing).waitFor();
    await line(his).getByText(en.online).waitFor();
    await his.context().close();
    await line(hers).getByText(en.lastSeen("just now")).waitFor();
    expect(await dot(hers).count()).toBe(0);
  });

  test("who hides is not seen and sees nobody", async () => {
    const [ada, ben] = await friends();
    const { page: hers } = await sit(ada, "desk");
    await hers.goto(`/messages/${ben.id}`);
    const { page: his } = await sit(ben, "phone");
    await his.goto(`/messages/${ada.id}`);
    await line(hers).getByText(en.online).waitFor();
    const settings = await his.context().newPage();
    await settings.goto("/settings");
    const choice = settings.getByRole("group", { name: en.showPresence });
    await choice.getByLabel(en.off).check();
    await line(hers).getByText(en.friends).waitFor();
    await line(his).getByText(en.friends).waitFor();
    await settings.reload();
    await expect.poll(() => choice.getByLabel(en.off).isChecked()).toBe(true);
    await choice.getByLabel(en.on, { exact: true }).check();
    await line(hers).getByText(en.online).waitFor();
  });

  test("counts and comments of the video in view move, and nothing is read aloud for it", async () => {
    const [ada, ben] = await friends();
    const { id } = await ada.settled((await ada.publish(freshClip(), "in view")).id);
    const { page } = await sit(ben, "desk");
    await page.goto(`/video/${id}`);
    const likes = page.locator(".slide[data-active=true] .rail-like");
    await likes.waitFor();
    const live = await page.locator(".slide[data-active=true] [aria-live]").count();
    body(await ada.put(`/videos/${id}/like`), 204);
    await likes.getByText("1", { exact: true }).waitFor();
    await page.getByRole("button", { name: en.comments }).first().click();
    await page.getByText(en.noComments).waitFor();
    body(await ada.post(`/videos/${id}/comments`, { json: { text: "it moves" } }), 201);
    await page.getByText("it moves").waitFor();
    await page.getByText(en.commentsOf("1")).waitFor();
    expect(await page.locator(".slide[data-active=true] [aria-live]").count()).toBe(live);
    // One's own is there once, however it came.
    const field = page.locator(".drawer").getByRole("textbox");
    await field.fill("so do I");
    await field.press("Enter");
    await page.getByText(en.commentsOf("2")).waitFor();
    expect(await page.locator(".comments-list").getByText("so do I").count()).toBe(1);
  });

  test("the work on an upload is shown step by step without asking for it", async () => {
    const ada = await server.register();
    const { page } = await sit(ada, "phone");
    const line = page.waitForEvent("websocket").then((socket) => socket.waitForEvent("framereceived"));
    await page.goto("/hot");
    // Until then it asks.
    await line;
    const { id } = await ada.publish(freshClip(), "to be made");
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().endsWith(`/videos/${id}`)) asked.push(request.url());
    });
    await page.getByRole("link", { name: en.me, exact: true }).tap();
    await page.locator(`a[href*="/video/${id}"]`).first().waitFor();
    // At first, and once it is made.
    expect(asked.length).toBeLessThanOrEqual(3);
    type Video = Schemas["Video"];
    expect(body(await ada.get<Video>(`/videos/${id}`)).state).toBe("published");
  });
});
