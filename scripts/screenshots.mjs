// Makes the pictures of the README: starts the program on a temporary folder with the demonstration in it and
// looks at it through Chromium from the PATH. `node scripts/screenshots.mjs` writes docs/images/*.png; a picture
// that is too large gets fewer colours by ffmpeg, also from the PATH.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { prepare, root } from "./prepare.mjs";

const pictures = [
  {
    file: "phone.png",
    title: "Silk",
    atSeconds: 2.5,
    context: { viewport: { width: 390, height: 844 }, locale: "zh-CN", isMobile: true, hasTouch: true },
  },
  {
    file: "desk.png",
    title: "Flower",
    atSeconds: 3.2,
    context: { viewport: { width: 1280, height: 800 }, locale: "en-US" },
  },
];
const readyMs = 30_000;
const maxBytes = 400_000;

await prepare();
const folder = mkdtempSync(join(tmpdir(), "douya-screenshots-"));
const env = { ...process.env, DOUYA_DATA: folder, DOUYA_PORT: "0", DOUYA_LIMITS: "off" };
const program = join(root, "bin/douya.mjs");
let server;
let browser;
try {
  execFileSync(process.execPath, [program, "seed"], { env, stdio: ["ignore", "ignore", "inherit"] });
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

/** Where it says that it can be opened. */
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

/** Scrolls the feed to a clip, holds it at its best moment and takes the picture. */
async function take(origin, { file, title, atSeconds, context }) {
  const page = await (
    await browser.newContext({ ...context, baseURL: origin, colorScheme: "dark" })
  ).newPage();
  await page.addInitScript(() => localStorage.setItem("douya.preferences", JSON.stringify({ sound: true })));
  await page.goto("/");
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
  const video = slide.locator("video");
  // Stopped from outside: the client would show its pause sign.
  await video.evaluate(async (element, seconds) => {
    const happened = (type) =>
      new Promise((resolve) => element.addEventListener(type, resolve, { once: true }));
    if (element.paused) await happened("playing");
    element.pause();
    const sought = happened("seeked");
    element.currentTime = seconds;
    await sought;
  }, atSeconds);
  await page.waitForTimeout(500);
  const target = join(root, "docs/images", file);
  await page.screenshot({ path: target });
  if (statSync(target).size > maxBytes) reduceColours(target);
  console.log(`${target}: ${Math.round(statSync(target).size / 1024)} KB`);
  await page.context().close();
}

function reduceColours(file) {
  const whole = join(folder, "whole.png");
  copyFileSync(file, whole);
  const reduce = "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=sierra2_4a";
  execFileSync("ffmpeg", ["-v", "error", "-y", "-i", whole, "-vf", reduce, "-frames:v", "1", file]);
}
