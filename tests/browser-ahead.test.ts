import { execFileSync } from "node:child_process";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { browsing } from "./harness/browser.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { nowAndThenMs, until } from "./harness/within.ts";

const film = "document.querySelector('.slide[data-active=true] video')";
const holds = (page: Page, expression: string) =>
  expect
    .poll(() => page.evaluate(`(() => { const film = ${film}; return Boolean(film && ${expression}); })()`))
    .toBe(true);
/** Eight seconds, in colours of its own: what looks the same has the same rung. */
const filmOf = (i: number) =>
  new Uint8Array(
    execFileSync("ffmpeg", [
      ...["-v", "error", "-f", "lavfi", "-i", `testsrc2=size=180x320:rate=30:duration=8,hue=h=${i * 60}`],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
      ...["-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "-"],
    ]),
  );
/** Slow, so that a busy machine has time to fetch what it should. */
const slowStreams = { quality: 90, speed: 0.5 };

describe("what is fetched ahead", () => {
  const server = scenario("all", { env: { DOUYA_RUNGS: "90" } });
  const browser = browsing();
  /** By the path of its rung and the offset of a fragment: as "0.2", the third fragment of the first film. */
  const names = new Map<string, string>();
  const rungs: string[] = [];
  beforeAll(async () => {
    const ada = await server.register();
    const ids: string[] = [];
    for (let i = 0; i < 4; i++)
      ids.unshift((await ada.settled((await ada.publish(filmOf(i), `${i}`)).id)).id);
    for (const [film, id] of ids.entries()) {
      const hlsUrl = await until(
        "the rungs",
        async () => body(await server.api<Schemas["Video"]>("GET", `/videos/${id}`)).hlsUrl ?? false,
        nowAndThenMs,
      );
      const at = new URL(hlsUrl.replace("master", "90"), server.origin);
      const ranges = (await (await fetch(at)).text()).matchAll(/BYTERANGE:\d+@(\d+)\n(.+)/g);
      for (const [fragment, [, from, uri]] of [...ranges].entries()) {
        const { pathname } = new URL(uri!, at);
        rungs[film] = pathname;
        names.set(`${pathname} ${from}`, `${film}.${fragment}`);
      }
    }
    expect(names.size).toBe(4 * 6);
  });

  /** `asked`: fragments in the order in which they are asked for. */
  async function watch(preferences: object, prepare: (page: Page) => unknown = () => {}) {
    const { page } = await browser.visit(server.origin, "phone");
    const text = JSON.stringify(JSON.stringify(preferences));
    await page.addInitScript(`localStorage.setItem("douya.preferences", ${text});`);
    const asked: string[] = [];
    page.on("request", (request) => {
      const from = /^bytes=(\d+)-/.exec(request.headers().range ?? "")?.[1];
      const name = names.get(`${new URL(request.url()).pathname} ${from}`);
      if (name) asked.push(name);
    });
    await prepare(page);
    await page.goto("/");
    return { page, asked };
  }

  test("the beginnings of the next two films come before the third fragment of the one in view, and no more of them", async () => {
    const { page, asked } = await watch(slowStreams);
    await holds(page, "film.currentTime > 4");
    const before = asked.slice(0, asked.indexOf("0.2"));
    expect(before.toSorted()).toEqual(["0.0", "0.1", "1.0", "2.0"]);
    expect(before.indexOf("1.0")).toBeLessThan(before.indexOf("2.0"));
    await holds(page, "film.buffered.length === 1 && film.buffered.end(0) > film.duration - 1");
    expect(asked.toSorted()).toEqual(["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "1.0", "2.0"]);
    await page.keyboard.press("ArrowDown");
    await holds(page, "film.closest('.slide').ariaPosInSet === '2' && film.currentTime > 1");
    expect(asked.filter((name) => name === "1.0")).toHaveLength(1);
    await expect.poll(() => asked).toContain("3.0");
  });

  test("a next film that does not come stops neither the one in view nor, when it is there, those after it", async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { page, asked } = await watch({ quality: 90 }, (page) =>
      page.route(`**${rungs[1]}`, async (route) => {
        await released;
        await route.continue();
      }),
    );
    await holds(page, "film.currentTime > 5");
    expect(asked).toContain("0.4");
    expect(asked).not.toContain("2.0");
    release();
    await expect.poll(() => asked).toContain("2.0");
    expect(asked.indexOf("1.0")).toBeLessThan(asked.indexOf("2.0"));
  });

  test("the end of a film is not fetched while it has just begun", async () => {
    const { page } = await watch(slowStreams);
    const last = [...names].find(([, name]) => name === "0.5")![0].split(" ")[1]!;
    await page.waitForRequest(
      (request) =>
        request.url().endsWith(rungs[0]!) && request.headers().range?.startsWith(`bytes=${last}-`) === true,
    );
    expect(await page.evaluate(`${film}.currentTime`)).toBeGreaterThan(3);
  });
});
