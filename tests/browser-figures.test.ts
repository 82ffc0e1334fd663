import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { overflowPx } from "./harness/page-checks.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("what authors learn, in the browser", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let video: Schemas["Video"];
  beforeAll(async () => {
    ada = await server.register();
    video = await ada.settled((await ada.publish(freshClip(), "Walls")).id);
    for (const from of ["feed", "feed", "profile"]) {
      const viewer = await server.register();
      const json = { videoIds: [video.id] };
      const { sessions } = body(
        await viewer.post<{ sessions: { token: string }[] }>("/playback/sessions", { json }),
      );
      const { token } = sessions[0]!;
      await until("a view", async () => {
        const entry = { token, positionMs: 1_000, watchedMs: 1_000, from };
        const answer = await viewer.post<{ accepted: number }>("/playback/beacons", {
          json: { entries: [entry] },
        });
        return body(answer, 202).accepted === 1;
      });
    }
    await until("figures", async () => {
      const { total } = body(await ada.get<{ total: { views: number } }>("/me/figures"));
      return total.views === 3;
    });
  });

  test.each([
    "phone",
    "desk",
  ] as const)("totals, by time and source, and how far, on a %s", async (device) => {
    const { session } = await server.logIn(ada.username, ada.password);
    const options = { ...loggedIn(server.origin, session), locale: "en-US" };
    const { page } = await browser.visit(server.origin, device, options);
    await page.goto("/me");
    await page.getByRole("link", { name: en.figures }).click();
    const tile = (name: string) => page.locator(".figures-tiles > div", { hasText: name }).locator("dd");
    await expect.poll(() => tile(en.figureNames.viewers).textContent()).toBe("3");
    await page.getByRole("figure", { name: en.mostAt(en.figureNames.views, "3") }).waitFor();
    await expect
      .poll(() => page.locator(".bars li").allTextContents())
      .toEqual([expect.stringContaining("67%"), expect.stringContaining("33%")]);

    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: en.saveTable }).click();
    const file = await saved;
    expect(file.suggestedFilename()).toBe("douya-28d.csv");
    const [head, ...lines] = (await readFile(await file.path(), "utf8")).trim().split(/\r?\n/);
    expect(head).toContain("views");
    expect(lines.length).toBeGreaterThan(0);

    await page.getByRole("link", { name: "Walls" }).click();
    await page.getByRole("heading", { name: en.figuresOf("Walls") }).waitFor();
    const curve = page.getByRole("figure", { name: en.retention });
    await curve.locator("svg").hover();
    await expect.poll(() => curve.locator("output").textContent()).toMatch(/% at 0:0\d/);
    await page.getByRole("button", { name: en.figuresWindows["24h"] }).click();
    await page.waitForURL("**/figures/*?window=24h");
    await expect.poll(() => tile(en.figureNames.views).textContent()).toBe("3");
    expect(await overflowPx(page.locator("body"))).toBe(0);
  });

  test("nothing yet is said", async () => {
    const { session } = await server.register();
    const { page } = await browser.visit(server.origin, "desk", loggedIn(server.origin, session));
    await page.goto("/figures");
    await page.getByRole("heading", { name: en.noFiguresInTime }).waitFor();
  });
});
