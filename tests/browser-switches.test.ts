import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";

const server = scenario("all");
const browser = browsing();

/** What `douya settings set DOUYA_SWITCHED_OFF` writes. */
const switchOff = (names: string) =>
  writeFile(join(server.deployment.dataDir, "settings"), names && `DOUYA_SWITCHED_OFF=${names}\n`);

test("what is switched off says so, the rest goes on, and it is back when it is switched on", async () => {
  const [ada, ben] = await Promise.all([server.register(), server.register()]);
  const video = await ada.settled((await ada.publish(freshClip(), "A title")).id);
  body(await ben.put(`/videos/${video.id}/like`), 204);
  body(await ben.post(`/videos/${video.id}/comments`, { json: { text: "Well made." } }), 201);
  await switchOff("comments,hot-users,reactions");
  const status = async (path: string) => (await server.api("GET", path)).status;
  await expect.poll(() => status("/hot-users")).toBe(503);

  const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, ada.session));
  const { page } = visitor;
  visitor.expectStatus(503);
  const off = page.getByRole("alert").filter({ hasText: "switched off for a while" });
  await page.goto(`/video/${video.id}?comments`);
  await off.waitFor();
  // The film plays, without the numbers that nobody counts now.
  const film = page.locator("article[data-active=true] video");
  await expect.poll(() => film.evaluate((element) => element.currentTime)).toBeGreaterThan(0);
  await page.goto("/hot?tab=people");
  await off.waitFor();

  await switchOff("");
  await expect.poll(() => status("/hot-users")).toBe(200);
  await page.goto("/hot?tab=people");
  await page.getByRole("list", { name: en.hotTitle }).or(page.getByText(en.hotEmptyTitle)).waitFor();
  await page.goto(`/video/${video.id}?comments`);
  await page.getByText("Well made.").waitFor();
});
