import { request as ask, createServer, type Server } from "node:http";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browsing } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";

/** Waits until an expression is true in the page. */
const holds = (page: Page, expression: string) =>
  expect.poll(() => page.evaluate(`Boolean(${expression})`)).toBe(true);

const shown = (selector: string) => `document.querySelector(${JSON.stringify(selector)})?.naturalWidth > 0`;

/** A proxy that asks for us by its own name for us, as nginx does unless it passes the Host header on. */
async function proxyTo(origin: string): Promise<{ server: Server; origin: string }> {
  const { hostname, port } = new URL(origin);
  const server = createServer((incoming, answer) => {
    const headers = { ...incoming.headers, host: `localhost:${port}` };
    const { method, url: path } = incoming;
    const passed = ask({ hostname, port, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode!, response.headers);
      response.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}

describe("a server that is called otherwise than it is asked for", () => {
  const publicUrl = "http://other.example:1234";
  const server = scenario("all", { env: { DOUYA_PUBLIC_URL: publicUrl } });
  const browser = browsing();
  let video: Schemas["Video"];
  let proxy: Awaited<ReturnType<typeof proxyTo>>;
  beforeAll(async () => {
    proxy = await proxyTo(server.origin);
    const ada = await server.register();
    video = await ada.settled((await ada.publish(freshClip(), "Seen from anywhere")).id);
  });
  afterAll(() => proxy.server.close());

  test.each([
    "its own address",
    "a proxy that drops the Host header",
  ])("shows everything by %s", async (way) => {
    const { page } = await browser.visit(way === "its own address" ? server.origin : proxy.origin, "desk");
    await page.goto("/");
    await holds(page, "document.querySelector('.slide[data-active=true] video')?.currentTime > 0");
    await holds(page, shown(".rail-author img.avatar"));
    await page.goto(`/user/${video.author.id}`);
    await holds(page, shown("a[href^='/video/'] img"));
    await holds(page, shown("img.avatar"));
    // The film of a page that contains none.
    await page.locator("a[href^='/video/'] img").first().click();
    await holds(page, "document.querySelector('.slide[data-active=true] video')?.currentTime > 0");
  });

  test("other clients get whole addresses, and our own paths", async () => {
    const path = `${server.origin}/api/v1/videos/${video.id}`;
    const whole = body(await send<Schemas["Video"]>("GET", path));
    expect(whole.playUrl).toMatch(`${publicUrl}/media/video/`);
    const headers = { "douya-urls": "paths" };
    const own = body(await send<Schemas["Video"]>("GET", path, { headers }));
    expect(own.playUrl).toMatch(/^\/media\/video\//);
    expect(own.coverUrl).toMatch(/^\/media\/cover\//);
    expect(own.author.avatarUrl).toMatch(/^\/media\//);
  });
});

describe("what the banner names", () => {
  const server = scenario("all");
  const browser = browsing();

  test("every page is there with all of its files, and breaks no policy", async () => {
    const output = server.deployment.programOf("gateway").output();
    const named = [...output.matchAll(/(?:Open|API) +(http\S+)/g)].map(([, url]) => url!);
    expect(named).toEqual([server.origin, `${server.origin}/api/v1/docs`]);
    for (const url of [...named, `${server.origin}/api/v1/docs/`]) {
      const { page } = await browser.visit(server.origin, "desk");
      await page.goto(url);
      await page.waitForLoadState("networkidle");
      if (url.includes("docs")) await page.locator(".opblock-summary").first().waitFor();
      else await page.locator("nav").first().waitFor();
    }
  });
});
