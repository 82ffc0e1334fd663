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
    async show(page, people) {
      await page.goto(`/messages/${people.maya.user.id}`);
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
const comments = {
  Sunset: [
    ["tofu", "这个颜色太治愈了，能不能出个教程？"],
    ["jonas", "Could watch this all evening."],
    ["lin", "海面是怎么做出来的？"],
    ["maya", "谢谢大家！下周讲一讲做法。"],
  ],
  Flower: [
    ["lin", "好美的花，看了三遍。"],
    ["jonas", "The petals breathe. What did you use to draw them?"],
    ["tofu", "数学真美 · r = cos(kθ)"],
    ["jonas", "Now it is on my wall."],
  ],
};
const replies = { Sunset: "当然可以 :)", Flower: "谢谢，那就再看一遍 :)" };
const chat = [
  ["maya", "看了你新发的视频，光太好了！"],
  ["lin", "谢谢！那天等了三个小时。"],
  ["maya", "下周我们一起拍一个？"],
  ["lin", "好呀，周六早上怎么样？"],
  ["maya", "周六见。"],
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
  const people = await bringToLife(origin);
  for (const picture of pictures) await take(origin, people, picture);
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

/** Lets the people of the demonstration follow, like, comment and chat; resolves with their sessions. */
async function bringToLife(origin) {
  async function call(method, path, token, json) {
    const answer = await fetch(`${origin}/api/v1${path}`, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(json && { "content-type": "application/json" }),
      },
      body: json && JSON.stringify(json),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  }
  const people = {};
  for (const username of ["lin", "maya", "tofu", "jonas"])
    people[username] = await call("POST", "/sessions", null, { username, password });
  const everybody = Object.values(people);
  for (const { accessToken, user } of everybody) {
    for (const other of everybody)
      if (other.user.id !== user.id) await call("PUT", `/users/${other.user.id}/follow`, accessToken);
  }
  const { items } = await call("GET", "/feed?limit=20");
  for (const { id, title, author } of items) {
    for (const { accessToken } of everybody) await call("PUT", `/videos/${id}/like`, accessToken);
    const said = [];
    for (const [name, text] of comments[title] ?? [])
      said.push(await call("POST", `/videos/${id}/comments`, people[name].accessToken, { text }));
    const [first] = said;
    if (!first) continue;
    const reply = { text: replies[title] };
    await call(
      "POST",
      `/videos/${id}/comments/${first.id}/replies`,
      people[author.username].accessToken,
      reply,
    );
    await call("PUT", `/videos/${id}/pinned-comment`, people[author.username].accessToken, {
      commentId: first.id,
    });
  }
  for (const [name, content] of chat) {
    const to = name === "lin" ? people.maya : people.lin;
    await call("POST", `/conversations/${to.user.id}/messages`, people[name].accessToken, { content });
  }
  return people;
}

/** What somebody sees who has logged in as "lin". */
async function take(origin, people, { file, context, show }) {
  const { user } = people.lin;
  const visit = await browser.newContext({ ...context, baseURL: origin, colorScheme: "dark" });
  // A login of its own: the page gets its refresh token in a cookie, which works once.
  const entered = await visit.request.post("/api/v1/sessions", {
    data: { username: "lin", password },
    headers: { "douya-session": "cookie" },
  });
  if (!entered.ok()) throw new Error(await entered.text());
  const page = await visit.newPage();
  await page.addInitScript(
    ([session]) => {
      localStorage.setItem("douya.preferences", JSON.stringify({ sound: true }));
      localStorage.setItem("douya.session", session);
    },
    [JSON.stringify({ user })],
  );
  await page.goto("/");
  await show(page, people);
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
  // Stopped from outside: the client would show its pause sign.
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
