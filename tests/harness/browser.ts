import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type CDPSession,
  chromium,
  type Page,
} from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { patienceMs } from "#platform/testing/patience.ts";
import { browserFlags, findChromium, findHeadlessChromium } from "./chromium.ts";
import type { Schemas } from "./http-client.ts";

declare module "vitest" {
  interface TaskMeta {
    /** What this machine lacks for a skipped test. */
    lacks?: string;
  }
}

/** What people hold or sit at. */
const devices = {
  phone: { viewport: { width: 390, height: 844 }, locale: "zh-CN", hasTouch: true, isMobile: true },
  desk: { viewport: { width: 1280, height: 800 }, locale: "en-US", hasTouch: false, isMobile: false },
} satisfies Record<string, BrowserContextOptions>;

/** The browser of a person who has logged in before. */
export function loggedIn(origin: string, { refreshToken, user }: Schemas["Session"]): BrowserContextOptions {
  const localStorage = [{ name: "douya.session", value: JSON.stringify({ user }) }];
  const { hostname: domain } = new URL(origin);
  const cookie = {
    name: "douya-session",
    value: refreshToken,
    domain,
    path: "/api/v1/sessions",
    expires: -1,
  };
  const guarded = { httpOnly: true, secure: false, sameSite: "Strict" } as const;
  return { storageState: { cookies: [{ ...cookie, ...guarded }], origins: [{ origin, localStorage }] } };
}

/** A person at their own browser: nothing is shared with other visitors. */
export interface Visitor {
  readonly page: Page;
  /** Whether they have a touch screen and no mouse. */
  readonly touch: boolean;
  /** Chromium's own protocol, for touches and file drops. */
  readonly devtools: CDPSession;
  /** Allows this answer of the server here; any other one at or above 400 fails the test. */
  expectStatus(...statuses: number[]): void;
  /** Allows requests to this other origin. */
  expectOrigin(other: string): void;
  /** Allows this message in the page's console, and this failure of its requests. */
  expectComplaint(text: RegExp): void;
}

export interface Browsing {
  /** Opens a browser; it is closed after the test, which fails if the browser reported an error. */
  visit(origin: string, device: keyof typeof devices, options?: VisitOptions): Promise<Visitor>;
}

type VisitOptions = BrowserContextOptions & {
  /** The browser blocks site data: reading `localStorage` throws. */
  siteDataBlocked?: boolean;
  /** The browser has its window, for what belongs to that: notifications. */
  window?: boolean;
};

const launched = new Map<string, Promise<Browser>>();

/**
 * The Chromium of all files of this process, since its start takes as long as several visits, which share nothing. It
 * ends with the process.
 */
async function everydayBrowser(executablePath: string): Promise<Browser> {
  const before = await launched.get(executablePath)?.catch(() => undefined);
  if (before?.isConnected()) return before;
  const options = { executablePath, args: browserFlags, timeout: patienceMs, ...noHandlers };
  launched.set(executablePath, chromium.launch(options));
  return launched.get(executablePath)!;
}

/** Chromium sees the end of the process that has started it. */
const noHandlers = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };

/** Has Chromium there before the tests of this `describe`; skips them if there is none. */
export function browsing(): Browsing {
  const executablePath = findHeadlessChromium();
  let browser: Browser | undefined;
  const open: { visitor: Visitor; troubles: string[] }[] = [];
  const profiles: string[] = [];
  function newProfile(): string {
    profiles.push(mkdtempSync(join(tmpdir(), "douya-profile-")));
    return profiles.at(-1)!;
  }

  beforeAll(async () => {
    if (executablePath) browser = await everydayBrowser(executablePath);
  });
  beforeEach((ctx) => {
    if (executablePath) return;
    ctx.task.meta.lacks = "chromium";
    ctx.skip("needs chromium on the PATH");
  });
  afterEach(async ({ task }) => {
    const ended = open.splice(0);
    if (task.result?.state === "fail") for (const { visitor } of ended) await describePage(visitor.page);
    for (const { visitor } of ended) await visitor.page.context().close();
    expect(ended.flatMap(({ troubles }) => troubles)).toEqual([]);
  });
  afterAll(() => {
    for (const profile of profiles) rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  });

  return {
    async visit(origin, device, { siteDataBlocked, window, ...options } = {}) {
      const settings = { ...devices[device], baseURL: origin, ...options };
      const context = siteDataBlocked
        ? await launchBlocked(newProfile(), settings)
        : await (window ? await everydayBrowser(findChromium()!) : browser!).newContext(settings);
      context.setDefaultTimeout(patienceMs);
      const page = await context.newPage();
      const troubles: string[] = [];
      const expected = new Set<number>();
      const complaints: RegExp[] = [];
      const origins = new Set([origin]);
      await listenForTroubles(page, origins, troubles, expected, complaints);
      const visitor: Visitor = {
        page,
        touch: devices[device].hasTouch,
        devtools: await context.newCDPSession(page),
        expectStatus: (...statuses) => {
          for (const status of statuses) expected.add(status);
        },
        expectOrigin: (other) => origins.add(other),
        expectComplaint: (text) => complaints.push(text),
      };
      open.push({ visitor, troubles });
      return visitor;
    },
  };
}

/** Holds a request of the page until the returned function is called. */
export async function holdRequests(
  page: Page,
  url: string | RegExp,
): Promise<(end?: "continue" | "abort") => void> {
  let release: (end?: "continue" | "abort") => void = () => {};
  const held = new Promise<"continue" | "abort">((resolve) => {
    release = (end = "continue") => resolve(end);
  });
  await page.route(url, async (route) =>
    (await held) === "continue" ? route.continue() : route.abort("aborted"),
  );
  return release;
}

/** A browser of its own, with its window: the setting belongs to a profile, which the one without reads nothing of. */
async function launchBlocked(profile: string, options: BrowserContextOptions): Promise<BrowserContext> {
  mkdirSync(join(profile, "Default"));
  const blocked = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(join(profile, "Default", "Preferences"), JSON.stringify(blocked));
  const executablePath = findChromium()!;
  return chromium.launchPersistentContext(profile, { executablePath, args: browserFlags, ...options });
}

/** Everything that developer tools would show in red. */
async function listenForTroubles(
  page: Page,
  origins: ReadonlySet<string>,
  troubles: string[],
  expected: Set<number>,
  complaints: RegExp[],
) {
  // A violated policy without a message in the console.
  await page.addInitScript(`addEventListener("securitypolicyviolation", (event) =>
    console.error("Content-Security-Policy:", event.violatedDirective, event.blockedURI));`);
  page.on("pageerror", (error) => troubles.push(`exception: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    const { url } = message.location();
    // Told with its status below.
    if (message.text().startsWith("Failed to load resource: the server responded")) return;
    if (complaints.some((text) => text.test(message.text()))) return;
    if (["error", "warning", "assert"].includes(message.type()))
      troubles.push(`console.${message.type()}: ${message.text()} (${url})`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && !origins.has(origin))
      troubles.push(`request to somebody else: ${request.url()}`);
  });
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // The page itself aborts what it no longer needs: a video scrolled away, a list of the page before.
    if (why === "net::ERR_ABORTED" || complaints.some((text) => text.test(why))) return;
    troubles.push(`failed request: ${request.method()} ${request.url()}: ${why}`);
  });
  page.on("response", (response) => {
    const status = response.status();
    if (status >= 400 && !expected.has(status))
      troubles.push(`${status} for ${response.request().method()} ${response.url()}`);
  });
}

async function describePage(page: Page) {
  const text = await page
    .locator("body")
    .ariaSnapshot()
    .catch((error: Error) => error.message);
  process.stderr.write(`--- ${page.url()}\n${text}\n`);
}

/** Lets messages stay, which go after 4 s: a test that stands still as long would not see them. */
export async function keepToasts(page: Page): Promise<void> {
  const script = `{
    const later = setTimeout;
    window.setTimeout = (run, ms, ...rest) => later(run, ms === 4000 ? 600_000 : ms, ...rest);
  }`;
  await page.addInitScript(script);
  await page.evaluate(script);
}
