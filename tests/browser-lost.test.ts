import { beforeAll, describe, expect, test } from "vitest";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, keepToasts, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { deleteComment } from "./harness/gestures.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

describe("what a browser shows if something could not be loaded", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let video: Schemas["Video"];
  beforeAll(async () => {
    ada = await server.register();
    video = await ada.settled((await ada.publish(freshClip())).id);
  });
  const gone = { status: 503 };

  test("a page whose code could not be loaded says why, and is loaded once the server is back", async () => {
    const visitor = await browser.visit(server.origin, "phone");
    const { page } = visitor;
    visitor.expectStatus(503, 404);
    visitor.expectComplaint(/A page could not be loaded/);
    let isGone = true;
    await page.route("**/assets/hot-page*", (route) => (isGone ? route.fulfill(gone) : route.fallback()));
    await page.route(`${server.origin}/`, (route) =>
      isGone && route.request().method() === "HEAD" ? route.fulfill(gone) : route.fallback(),
    );
    await page.goto("/");
    await page.getByRole("link", { name: zh.hot }).tap();
    await page.getByRole("heading", { name: zh.missingTitle }).waitFor();
    await page.getByText(zh.reasons.NETWORK).waitFor();
    // A failed retry leaves the page as it is.
    await page.getByRole("button", { name: zh.retry }).tap();
    await page.getByText(zh.reasons.NETWORK).waitFor();
    isGone = false;
    // Not by the button, which may disappear at any moment.
    const shown = page.getByRole("list", { name: zh.rankings.hot }).or(page.getByText(zh.hotEmptyTitle));
    await shown.waitFor();
  });

  test("a page of an older build offers to reload", async () => {
    const visitor = await browser.visit(server.origin, "phone");
    const { page } = visitor;
    visitor.expectStatus(404);
    visitor.expectComplaint(/A page could not be loaded/);
    await page.route("**/assets/hot-page*", (route) => route.fulfill({ status: 404 }));
    await page.goto("/");
    await page.getByRole("link", { name: zh.hot }).tap();
    await page.getByText(zh.missingBody).waitFor();
    await page.unroute("**/assets/hot-page*");
    await page.getByRole("button", { name: zh.reload }).tap();
    await page.getByRole("list", { name: zh.rankings.hot }).or(page.getByText(zh.hotEmptyTitle)).waitFor();
  });

  test("messages of a sheet are read out while it is open", async () => {
    const { page, devtools } = await browser.visit(
      server.origin,
      "phone",
      loggedIn(server.origin, ada.session),
    );
    await keepToasts(page);
    body(await ada.post(`/videos/${video.id}/comments`, { json: { text: "Not for long" } }), 201);
    await page.goto(`/video/${video.id}?comments`);
    await deleteComment(page, "Not for long");
    const readOut = async () => {
      const { nodes } = await devtools.send("Accessibility.getFullAXTree");
      const byId = new Map(nodes.map((node) => [node.nodeId, node]));
      const textOf = (id: string): string => {
        const node = byId.get(id);
        const own = node?.role?.value === "StaticText" ? `${node.name?.value}` : "";
        return own + (node?.childIds ?? []).map(textOf).join("");
      };
      return nodes
        .filter((node) => !node.ignored && node.role?.value === "status")
        .map((node) => textOf(node.nodeId));
    };
    await expect.poll(readOut).toContain(zh.commentDeleted);
    await page.getByRole("dialog").waitFor();
  });

  test("a grid that failed to load continues by itself", async () => {
    const publishedMs = Date.parse(video.publishedAt!);
    const copies = await copyVideo(server.deployment.databaseUrl, video.id, 60, (i) => publishedMs - 90 + i);
    const visitor = await browser.visit(server.origin, "phone");
    const { page } = visitor;
    visitor.expectStatus(503);
    const more = `**/api/v1/users/${ada.id}/videos?*cursor=*`;
    await page.route(more, (route) => route.fulfill(gone));
    await page.goto(`/user/${ada.id}`);
    const tiles = page.locator(".tile");
    await tiles.first().waitFor();
    const loaded = await tiles.count();
    expect(loaded).toBeLessThan(copies.length);
    await tiles.last().scrollIntoViewIfNeeded();
    await page.getByRole("alert").getByRole("button", { name: zh.retry }).waitFor();
    await page.unroute(more);
    await expect.poll(() => tiles.count()).toBeGreaterThan(loaded);
  });
});
