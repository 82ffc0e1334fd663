import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { friendsAt } from "./harness/friends.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("what reaches people in their browsers while it happens", () => {
  const server = scenario("all");
  const browser = browsing();

  const sit = (person: Person, device: "phone" | "desk") =>
    browser.visit(server.origin, device, { ...loggedIn(server.origin, person.session), locale: "en-US" });
  const friends = () => friendsAt(server);
  async function write(page: Page, text: string) {
    await page.getByLabel(en.writeMessage).fill(text);
    await page.getByRole("button", { name: en.send, exact: true }).click();
  }
  const hears = (page: Page, text: string) =>
    page.locator(".bubble:not(.bubble-waiting)", { hasText: text }).waitFor();
  const lines = (page: Page) => page.locator(".bubble").allTextContents();

  test("two people with two tabs each hear everything in all of them, over one line a browser", async () => {
    const [ada, ben] = await friends();
    const [hers, his] = [await sit(ada, "desk"), await sit(ben, "desk")];
    const tabs = [];
    let connections = 0;
    for (const [{ page }, peer] of [
      [hers, ben],
      [his, ada],
    ] as const) {
      page.context().on("page", (other) => other.on("websocket", () => connections++));
      page.on("websocket", () => connections++);
      await page.goto(`/messages/${peer.id}`);
      await page.getByLabel(en.writeMessage).waitFor();
      await until("the line", () => connections === tabs.length / 2 + 1);
      const second = await page.context().newPage();
      await second.goto(`/messages/${peer.id}`);
      await second.getByLabel(en.writeMessage).waitFor();
      tabs.push(page, second);
    }
    const [her1, her2, his1, his2] = tabs as [Page, Page, Page, Page];
    await write(her1, "from her first");
    await write(his2, "from his second");
    for (const tab of tabs) for (const text of ["from her first", "from his second"]) await hears(tab, text);
    // The tab with the line is closed: the other takes over.
    await her1.close();
    await write(his1, "are you there?");
    await hears(her2, "are you there?");
    await write(her2, "still here");
    for (const tab of [her2, his1, his2]) await hears(tab, "still here");
    for (const tab of [her2, his1, his2]) expect(await lines(tab)).toHaveLength(4);
    expect(connections).toBe(3);
  });

  test("a phone without a network keeps what is written, and sends it once when it is back", async () => {
    const [ada, ben] = await friends();
    const phone = await sit(ada, "phone");
    const { page } = phone;
    phone.expectComplaint(/ERR_INTERNET_DISCONNECTED|WebSocket/);
    await page.goto(`/messages/${ben.id}`);
    await write(page, "before the tunnel");
    await hears(page, "before the tunnel");
    await page.context().setOffline(true);
    await write(page, "in the tunnel");
    await write(page, "and more of it");
    await page.getByText(en.offlineNote).waitFor();
    await expect.poll(() => page.getByText(en.notSent).count()).toBe(2);
    body(await ben.post(`/conversations/${ada.id}/messages`, { json: { content: "meanwhile" } }), 201);
    await page.context().setOffline(false);
    for (const text of ["in the tunnel", "and more of it", "meanwhile"]) await hears(page, text);
    await page.getByText(en.offlineNote).waitFor({ state: "detached" });
    type Sent = { items: Schemas["Message"][] };
    const sent = body(await ben.get<Sent>(`/conversations/${ada.id}/messages`));
    expect(sent.items.map(({ content }) => content)).toEqual([
      "before the tunnel",
      "meanwhile",
      "in the tunnel",
      "and more of it",
    ]);
    await until("all bubbles", async () => (await lines(page)).length === 4);
  });

  test("what is written and not sent is there after a reload, and is sent then", async () => {
    const [ada, ben] = await friends();
    const visitor = await sit(ada, "phone");
    const { page } = visitor;
    visitor.expectStatus(503);
    await page.goto(`/messages/${ben.id}`);
    await page.getByLabel(en.writeMessage).waitFor();
    await page.route(`**/conversations/${ben.id}/messages`, (route) =>
      route.request().method() === "POST" ? route.fulfill({ status: 503 }) : route.continue(),
    );
    await write(page, "later");
    await page.getByText(en.notSent).waitFor();
    await page.unroute(`**/conversations/${ben.id}/messages`);
    await page.reload();
    await hears(page, "later");
    type Sent = { items: Schemas["Message"][] };
    const { items } = body(await ben.get<Sent>(`/conversations/${ada.id}/messages`));
    expect(items.map(({ content }) => content)).toEqual(["later"]);
  });

  test("where no WebSocket gets through, news come by requests", async () => {
    const [ada, ben] = await friends();
    const { page } = await sit(ada, "desk");
    await page.routeWebSocket("**/api/v1/realtime", (socket) => socket.close());
    await page.goto(`/messages/${ben.id}`);
    await page.getByLabel(en.writeMessage).waitFor();
    body(
      await ben.post(`/conversations/${ada.id}/messages`, { json: { content: "through the proxy" } }),
      201,
    );
    await hears(page, "through the proxy");
  });
});
