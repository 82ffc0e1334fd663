// Makes the pictures of the README: starts the program on a temporary folder with the demonstration in it and
// looks at it through Chromium from the PATH. `node scripts/screenshots.mjs` writes docs/images/*.png; a picture
// that is too large gets fewer colours by ffmpeg, also from the PATH.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { prepare, root } from "./prepare.mjs";

const phone = { viewport: { width: 390, height: 844 }, locale: "zh-CN", isMobile: true, hasTouch: true };
const desk = { viewport: { width: 1280, height: 800 }, locale: "en-US" };
const pictures = [
  { file: "phone.png", context: phone, show: (page) => showVideo(page, "Silk", 2.5) },
  {
    file: "comments.png",
    context: phone,
    async show(page) {
      await showVideo(page, "Sunset", 4);
      await openComments(page);
    },
  },
  {
    file: "messages.png",
    context: phone,
    async show(page) {
      await page.goto("/messages");
      await page.locator('a[href^="/messages/group/"]').first().click();
      await page.locator(".bubble").first().waitFor();
    },
  },
  {
    file: "desk.png",
    context: desk,
    async show(page) {
      await showVideo(page, "Flower", 3.2);
      await openComments(page);
    },
  },
];
const password = "screenshots";
const readyMs = 30_000;
const maxBytes = 400_000;

await prepare();
const folder = mkdtempSync(join(tmpdir(), "douya-screenshots-"));
const env = { ...process.env, DOUYA_DATA: folder, DOUYA_PORT: "0", DOUYA_LIMITS: "off" };
const program = join(root, "bin/douya.mjs");
let server;
let browser;
try {
  execFileSync(process.execPath, [program, "seed", "--password", password], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  server = spawn(process.execPath, [program, "serve"], { env, stdio: ["ignore", "pipe", "inherit"] });
  const origin = await addressOf(server);
  const executablePath = execFileSync("sh", [
    "-c",
    "command -v chromium chromium-browser google-chrome | head -1",
  ])
    .toString()
    .trim();
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  mkdirSync(join(root, "docs/images"), { recursive: true });
  for (const picture of pictures) await take(origin, picture);
} finally {
  await browser?.close();
  if (server && server.exitCode === null) {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}

/** The line with the address. */
function addressOf(child) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("The server was not ready in time.")), readyMs);
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      const found = /Open +(http\S+)/.exec(output);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[1]);
    });
    child.once("exit", () => reject(new Error(`The server ended:\n${output}`)));
  });
}

/** A page of somebody who has logged in as "lin". */
async function take(origin, { file, context, show }) {
  const visit = await browser.newContext({ ...context, baseURL: origin, colorScheme: "dark" });
  // A new login: the page gets its refresh token in a cookie, which works once.
  const entered = await visit.request.post("/api/v1/sessions", {
    data: { username: "lin", password },
    headers: { "douya-session": "cookie" },
  });
  if (!entered.ok()) throw new Error(await entered.text());
  const { user } = await entered.json();
  const page = await visit.newPage();
  await page.addInitScript(
    ([session]) => {
      localStorage.setItem("douya.preferences", JSON.stringify({ sound: true }));
      localStorage.setItem("douya.session", session);
    },
    [JSON.stringify({ user })],
  );
  await page.goto("/");
  await show(page);
  await page.waitForTimeout(500);
  const target = join(root, "docs/images", file);
  await page.screenshot({ path: target });
  if (statSync(target).size > maxBytes) reduceColours(target);
  console.log(`${target}: ${Math.round(statSync(target).size / 1024)} KB`);
  await page.context().close();
}

async function openComments(page) {
  await page.keyboard.press("c");
  await page.locator(".comment").first().waitFor();
  await page.locator(".replies-bar button").first().click();
  await page.locator(".replies .comment").first().waitFor();
  await page.mouse.move(0, 0);
}

/** Scrolls the feed to a clip and holds it at its best moment. */
async function showVideo(page, title, atSeconds) {
  const slide = page.locator("article[data-active=true]");
  await slide.locator("video").waitFor();
  while (!(await slide.textContent()).includes(title)) {
    const before = await slide.getAttribute("aria-posinset");
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction(
      (last) => document.querySelector("article[data-active=true]")?.ariaPosInSet !== last,
      before,
    );
  }
  // Paused from outside: the client would show its pause sign.
  await slide.locator("video").evaluate(async (element, seconds) => {
    const happened = (type) =>
      new Promise((resolve) => element.addEventListener(type, resolve, { once: true }));
    if (element.paused) await happened("playing");
    element.pause();
    const sought = happened("seeked");
    element.currentTime = seconds;
    await sought;
  }, atSeconds);
}

function reduceColours(file) {
  const whole = join(folder, "whole.png");
  copyFileSync(file, whole);
  const reduce = "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=sierra2_4a";
  execFileSync("ffmpeg", ["-v", "error", "-y", "-i", whole, "-vf", reduce, "-frames:v", "1", file]);
}
