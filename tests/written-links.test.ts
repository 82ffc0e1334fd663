import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const markdown = ["", "docs", "docs/adr", "apps/web", "apps/server/demo"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
);
const textOf = (file: string) => readFileSync(join(root, file), "utf8");

/** The anchor that GitHub and others make of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");

test.each(markdown)("every link and picture of %s is there", (file) => {
  const text = textOf(file).replace(/```[\s\S]*?```/g, "");
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(([, a, b]) => a ?? b!);
  for (const target of targets.filter((one) => !/^[a-z]+:/.test(one))) {
    const [path, anchor] = target.split("#") as [string, string?];
    const to = path === "" ? join(root, file) : join(root, dirname(file), path);
    expect(existsSync(to), target).toBe(true);
    if (anchor === undefined || statSync(to).isDirectory()) continue;
    const headings = [...readFileSync(to, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, one]) => anchorOf(one!));
    expect(headings, target).toContain(anchor);
  }
});

test("every command that the documents name exists", async () => {
  const program = startProgram(["--help"], {});
  await program.ended;
  const known = new Set([...program.answer().matchAll(/^ {2}([a-z-]+) {2}/gm)].map(([, name]) => name));
  expect(known.size).toBeGreaterThan(8);
  for (const file of markdown.filter((name) => name !== "CHANGELOG.md"))
    for (const [, name] of textOf(file).matchAll(/(?:npx|`) ?douya ([a-z][a-z-]*)/g))
      expect(known, `${file}: douya ${name}`).toContain(name);
});

describe("links", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let videoId: string;
  beforeAll(async () => {
    ada = await server.register();
    videoId = (await ada.settled((await ada.publish(freshClip(), "Linked")).id)).id;
  });
  /** The API document names operations with parameters. */
  async function operations() {
    const { body } = await send<{ paths: Record<string, object> }>(
      "GET",
      `${server.origin}/api/v1/openapi.json`,
    );
    return body.paths;
  }

  test("every path of ours that a document or a refusal names is there", async () => {
    const paths = await operations();
    const refusals = await Promise.all(
      ["/api/v1/nowhere", "/douyin/nowhere/"].map(
        async (path) => (await send("GET", server.origin + path)).text,
      ),
    );
    const texts = new Map([
      ...["README.md", "README.zh.md", "SECURITY.md", "docs/operating.md", "docs/benchmarks.md"].map(
        (file) => [file, textOf(file)] as const,
      ),
      ["refusals", refusals.join(" ")],
    ]);
    const named = new Set<string>();
    for (const text of texts.values()) {
      const ours =
        /(?:(GET|PUT|POST|PATCH|DELETE) )?(?:localhost:8080|127\.0\.0\.1:8080|(?<=[`\s"]))(\/(?:api\/v1|douyin|livez|readyz|metrics|moderation)[\w/{}.-]*)/g;
      for (const [, method = "GET", path] of text.matchAll(ours))
        named.add(`${method} ${path!.replace(/\.$/, "")}`);
    }
    expect(named.size).toBeGreaterThan(8);
    for (const one of named) {
      const [method, path] = one.split(" ") as [string, string];
      if (["/api/v1", "/douyin", "/douyin/"].includes(path)) continue;
      const operation = paths[path] as Record<string, unknown> | undefined;
      if (path.startsWith("/api/v1/") && operation) {
        if (method !== "GET") expect(operation, one).toHaveProperty(method.toLowerCase());
        continue;
      }
      const { status, text } = await send(method, server.origin + path);
      if (path === "/api/v1/realtime") expect(text).toContain("by a WebSocket");
      else expect(status, one).toBe(200);
    }
  });

  test("everything that a page names loads: files, pictures, links, icons", async () => {
    const guest = await browser.visit(server.origin, "desk");
    const member = await browser.visit(server.origin, "desk", loggedIn(server.origin, ada.session));
    guest.expectStatus(404);
    const person = `/user/${ada.id}`;
    const visits = [
      ...[
        ["/", "article"],
        [`/video/${videoId}?comments`, ".comments-none"],
        [person, ".tile"],
        [`${person}/followers`, "h1"],
        ["/hot", "h1"],
        ["/login", "form"],
        ["/register", "form"],
        ["/settings", "h1"],
        ["/nowhere", ".notice"],
        ["/video/1", ".notice"],
        ["/user/1", ".notice"],
        ["/api/v1/docs", ".opblock-summary"],
      ].map((visit) => [guest.page, ...visit] as [Page, string, string]),
      ...[
        ["/", "article"],
        ["/upload", "h1"],
        ["/me", ".tile"],
        ["/messages", "h1"],
        ["/settings", "h1"],
      ].map((visit) => [member.page, ...visit] as [Page, string, string]),
    ];
    const named = new Map<string, string>();
    for (const [page, path, there] of visits) {
      await page.goto(path);
      await page.locator(there).first().waitFor();
      for (const url of await namedBy(page)) named.set(url, path);
    }
    expect(named.size).toBeGreaterThan(25);
    for (const [url, path] of named) {
      expect(url, path).toContain(`${server.origin}/`);
      const { status, headers } = await send("GET", url, { headers: { accept: "*/*" } });
      const missing = ["/nowhere", "/video/1", "/user/1"].includes(new URL(url).pathname);
      expect(status, `${url} of ${path}`).toBe(missing ? 404 : 200);
      const isFile = /\.\w+$/.test(new URL(url).pathname) && !url.endsWith(".html");
      if (isFile) expect(headers.get("content-type"), url).not.toContain("text/html");
    }
  });

  /** Everything in the elements of a page, and in its manifest. */
  const namedBy = (page: Page) =>
    page.evaluate<string[]>(`(async () => {
      const elements = [...document.querySelectorAll("[src], [href], [poster], source")];
      const urls = elements.flatMap((one) => [one.src, one.href, one.poster]);
      const manifest = document.querySelector("link[rel=manifest]")?.href;
      if (manifest) {
        const { icons, start_url } = await (await fetch(manifest)).json();
        for (const path of [start_url, ...icons.map(({ src }) => src)]) urls.push(new URL(path, manifest).href);
      }
      return urls
        .filter((url) => typeof url === "string" && /^http/.test(url))
        .map((url) => url.split("#")[0]);
    })()`);
});
