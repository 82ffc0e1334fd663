import axe from "axe-core";
import type { Locator, Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { png } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type Opened = [path: string, place: string, buttons: string[]];

/** It is visible, and its content is reachable by scrolling down alone. */
const isWithin = (dialog: Locator): Promise<boolean> =>
  dialog.evaluate((it) => {
    const { left, top, right, bottom } = it.getBoundingClientRect();
    const { innerWidth, innerHeight } = it.ownerDocument.defaultView;
    const onScreen = left >= 0 && top >= 0 && right <= innerWidth + 1 && bottom <= innerHeight + 1;
    return onScreen && it.scrollWidth <= it.clientWidth;
  });

/** axe-core finds nothing on any page, in both themes, on a phone and on a desktop. */
describe("axe", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let bob: Person;
  let videoId: string;
  let picturesId: string;
  beforeAll(async () => {
    [ada, bob] = await Promise.all([server.register(), server.register()]);
    videoId = (await ada.publish(freshClip(), "A title")).id;
    const { publishedAt } = await ada.settled(videoId);
    await copyVideo(server.deployment.databaseUrl, videoId, 2, (i) => Date.parse(publishedAt!) - i - 1);
    const pictures: { uploadId: string; alt: string }[] = [];
    for (const alt of ["A wall", ""]) {
      const upload = body(await ada.upload(png(600, 800)), 201);
      pictures.push({ uploadId: upload.id, alt });
    }
    // In no feed, which is to begin with a film.
    const walls = { pictures, title: "Walls", visibility: "unlisted" };
    picturesId = body(await ada.post<Schemas["Video"]>("/videos", { json: walls }), 201).id;
    await ada.settled(picturesId);
    body(await ada.put(`/users/${bob.id}/follow`), 204);
    body(await bob.put(`/users/${ada.id}/follow`), 204);
    body(await ada.put(`/videos/${videoId}/like`), 204);
    body(await bob.post(`/videos/${videoId}/shares`), 201);
    const begin = { json: { videoIds: [videoId, picturesId] } };
    const { sessions } = body(await ada.post<{ sessions: { token: string }[] }>("/playback/sessions", begin));
    const entries = sessions.map(({ token }) => ({ token, positionMs: 0, watchedMs: 0, picture: 2 }));
    body(await ada.post("/playback/beacons", { json: { entries } }), 202);
    const json = { text: "A comment with https://example.com/a in it" };
    const comment = body(await bob.post<Schemas["Comment"]>(`/videos/${videoId}/comments`, { json }), 201);
    const reply = { json: { text: "A reply" } };
    body(await ada.post(`/videos/${videoId}/comments/${comment.id}/replies`, reply), 201);
    const content = `Look: ${server.origin}/video/${videoId}`;
    body(await bob.post(`/conversations/${ada.id}/messages`, { json: { content } }), 201);
    body(await ada.post(`/conversations/${bob.id}/messages`, { json: { content: "An answer" } }), 201);
  });

  const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  /** All that a theme can change. */
  const ofColours = ["color-contrast", "link-in-text-block"];
  async function violations(page: Page, scheme: "light" | "dark"): Promise<string[]> {
    if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe.source);
    const runOnly = scheme === "light" ? { type: "tag", values: rules } : { type: "rule", values: ofColours };
    const found = (await page.evaluate(
      `axe.run(document, ${JSON.stringify({ resultTypes: ["violations"], runOnly })})`,
    )) as axe.AxeResults;
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target }) => `${id}: ${target.join(" ")}`),
    );
  }

  const members = () => [
    ["/", "article[data-active=true] video"],
    ["/?comments", "article[data-active=true] video"],
    [`/video/${videoId}?comments`, ".comment"],
    [`/video/${picturesId}`, "figure img"],
    [`/user/${ada.id}`, ".tile"],
    [`/user/${ada.id}/followers`, ".person"],
    ["/me", ".tile"],
    ["/me?tab=likes", ".tile"],
    ["/hot", "main h1"],
    ["/figures", "main h1"],
    ["/hot?tab=shared", ".ranked-row"],
    ["/hot?tab=people", ".person"],
    ["/history", ".history-item"],
    ["/notifications", ".notification"],
    ["/messages", ".conversation"],
    [`/messages/${bob.id}`, ".bubble"],
    ["/settings", ".devices li"],
    ["/upload", "main h1"],
  ];
  const guests = [
    ["/", "article[data-active=true] video"],
    ["/login?next=%2Fme", "main form"],
    ["/register", "main form"],
    ["/settings", "main h1"],
    ["/nowhere", "main h1"],
    ["/video/1", ".notice"],
    ["/user/1", ".notice"],
  ];

  const visitors = [
    ["guests", "phone"],
    ["guests", "desk"],
    ["members", "phone"],
    ["members", "desk"],
  ] as const;
  async function visit(who: "guests" | "members", device: "phone" | "desk") {
    const session = who === "members" && (await server.logIn(ada.username, ada.password)).session;
    return browser.visit(server.origin, device, {
      reducedMotion: "reduce",
      ...(session && loggedIn(server.origin, session)),
    });
  }

  test.each(visitors)("the pages of %s on a %s", async (who, device) => {
    const visitor = await visit(who, device);
    visitor.expectStatus(404);
    const { page } = visitor;
    for (const [path, shown] of who === "members" ? members() : guests) {
      await page.goto(path!);
      await page.locator(shown!).first().waitFor({ state: "attached" });
      await expect.poll(() => page.locator(".spinner").count()).toBe(0);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        // Polled, since colours fade and a film starts.
        const message = `${path} ${colorScheme}`;
        await expect.poll(() => violations(page, colorScheme), { message }).toEqual([]);
      }
    }
  });

  const small = {
    phone: [
      { width: 320, height: 480 },
      { width: 844, height: 390 },
    ],
    desk: [{ width: 900, height: 480 }],
  };
  const slide = "article[data-active=true]";
  /** Where they open, and the buttons that open them. */
  const guestsDialogs = (t: typeof en): Opened[] => [
    [`/video/${videoId}`, slide, [t.like]],
    [`/video/${videoId}`, slide, [t.moreActions]],
    [`/user/${ada.id}`, "main", [t.moreActions]],
  ];
  const membersDialogs = (t: typeof en): Opened[] => [
    [`/video/${videoId}`, slide, [t.share]],
    [`/video/${videoId}`, slide, [t.moreActions]],
    [`/video/${videoId}`, slide, [t.moreActions, t.editVideo]],
    [`/video/${videoId}`, slide, [t.moreActions, t.deleteVideo]],
    [`/video/${videoId}?comments`, ".comment", [t.reportOf(bob.username)]],
    [`/video/${videoId}?comments`, ".comment", [t.deleteAction]],
    [`/user/${bob.id}`, "main", [t.moreActions]],
    [`/user/${bob.id}`, "main", [t.moreActions, t.block]],
    ["/me", "main", [t.editProfile]],
    ["/me", "main", [t.manage("A title")]],
    ["/settings", "main", [t.logOutEverywhere]],
    ["/settings", "main", [t.deleteAccount]],
  ];
  test.each(
    visitors,
  )("the dialogs of %s on a %s have a name and room, and give the focus back", async (who, device) => {
    const { page } = await visit(who, device);
    const t = device === "phone" ? (zh as typeof en) : en;
    const usual = page.viewportSize()!;
    let open = "";
    for (const [path, place, buttons] of who === "members" ? membersDialogs(t) : guestsDialogs(t)) {
      if (path !== open) await page.goto(path);
      open = path;
      const button = page
        .locator(place)
        .getByRole("button", { name: buttons[0], exact: buttons[0] !== t.like })
        .first();
      // By a key: a click in the feed leaves the focus with the video.
      await button.press("Enter");
      const dialog = page.locator("dialog.dialog");
      await dialog.waitFor();
      for (const next of buttons.slice(1)) await dialog.getByRole("button", { name: next }).press("Enter");
      const message = `${path} ${buttons.join(", ")}`;
      await expect.poll(() => dialog.locator(".spinner").count(), { message }).toBe(0);
      const named = page.getByRole("dialog", { name: /./ }).last();
      await expect.poll(() => named.isVisible(), { message }).toBe(true);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const where = `${message} ${colorScheme}`;
        await expect.poll(() => violations(page, colorScheme), { message: where }).toEqual([]);
      }
      for (const viewport of [...small[device], usual]) {
        await page.setViewportSize(viewport);
        await expect.poll(() => isWithin(dialog), { message: `${message} ${viewport.width}` }).toBe(true);
      }
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await expect.poll(() => button.evaluate((it) => it.matches(":focus")), { message }).toBe(true);
    }
  });
});
