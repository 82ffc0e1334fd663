// Makes the small data folder of a released version that tests/older-data.test.ts starts the current one on:
//   node scripts/make-data-folder.mjs [CHECKOUT]
// CHECKOUT is where that version is built; without it, this one. Run it once for each release, before the version changes.
// People register, publish, follow, like, comment and write; a kill -9 leaves a video in the pipeline and events that no
// feed has heard of. What must be there afterwards is written beside the data.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import pg from "pg";
import { root } from "./prepare.mjs";

const checkout = resolve(process.argv[2] ?? root);
const { version } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8"));
const maxBytes = 3_000_000;
const patienceMs = 120_000;
const password = "correct horse battery";
const clip = readFileSync(join(root, "platform/media/testdata/compliant.mp4"));
const folder = mkdtempSync(join(tmpdir(), "douya-folder-"));
const data = join(folder, "data");
const started = [];

try {
  const first = await start("all");
  await query("alter system set wal_recycle = off", "select pg_reload_conf()");
  const people = {};
  for (const name of ["ada", "ben", "cleo"]) {
    const session = await first.ask("POST", "/users", { username: `${name}-before`, password });
    people[name] = { id: session.user.id, username: `${name}-before`, token: session.accessToken };
  }
  const { ada, ben, cleo } = people;
  const videos = [];
  for (const title of ["Silk", "Sunset"]) {
    const { id } = await publish(first, ada, title);
    await until(async () => {
      const { state } = await first.ask("GET", `/videos/${id}`, undefined, ada);
      if (state === "failed") throw new Error("the video could not be processed");
      return state === "published";
    });
    videos.push(id);
  }
  await first.ask("PUT", `/users/${ada.id}/follow`, undefined, ben);
  await first.ask("GET", "/feed/following", undefined, ben);
  for (const person of [ben, cleo]) await first.ask("PUT", `/videos/${videos[0]}/like`, undefined, person);
  await first.ask("PUT", `/videos/${videos[1]}/dislike`, undefined, cleo);
  for (const text of ["first", "second"])
    await first.ask("POST", `/videos/${videos[0]}/comments`, { text }, ben);
  for (const content of ["hello", "are you there?"])
    await first.ask(
      "POST",
      `/conversations/${ada.id}/messages`,
      { content, idempotencyKey: content.replaceAll(" ", "-") },
      ben,
    );
  await first.end("SIGTERM");

  // No feed: what happens now is delivered to nobody, and the last video stays in the pipeline.
  const second = await start("user,relation,video,interaction,message,gateway");
  await second.ask("PUT", `/users/${ada.id}/follow`, undefined, cleo);
  await second.ask("PUT", `/videos/${videos[1]}/like`, undefined, ben);
  const unfinished = (await publish(second, ada, "Unfinished")).id;
  await second.end("SIGKILL");

  const [jobs] = await query("select count(*)::int as n from video.job");
  const [late] = await query(
    `select count(*)::int as n from events.log l join events.consumer c using (partition)
     where c.group_name like 'feed.%' and l.position > c.position`,
  );
  if (jobs.n === 0 || late.n === 0) throw new Error("no job or no event is left: run it again");
  await query("vacuum full", "checkpoint", "select pg_switch_wal()", "checkpoint");
  stopPostgres();

  const expected = { version, password, people: strip(people), videos, unfinished };
  writeFileSync(join(folder, "expected.json"), `${JSON.stringify(expected, null, 2)}\n`);
  const keptOut = ["*.log", "running.txt", "postmaster.pid", "postmaster.opts", ".s.PGSQL*", "pgsql_tmp"];
  const tar = execFileSync(
    "tar",
    [
      ...["-c", "-C", folder, "--owner=0", "--group=0", "--sort=name"],
      ...keptOut.map((name) => `--exclude=${name}`),
      ...["data", "expected.json"],
    ],
    { maxBuffer: 2 ** 30 },
  );
  const packed = brotliCompressSync(tar, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LARGE_WINDOW]: true,
      [constants.BROTLI_PARAM_LGWIN]: 27,
      [constants.BROTLI_PARAM_SIZE_HINT]: tar.length,
    },
  });
  if (packed.length > maxBytes) throw new Error(`${packed.length} bytes are too many`);
  const target = join(root, "tests/data-folders");
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, `${version}.tar.br`), packed);
  console.log(`tests/data-folders/${version}.tar.br: ${packed.length} bytes`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  for (const child of started) child.kill("SIGKILL");
  stopPostgres();
  rmSync(folder, { recursive: true, force: true });
}

function strip(people) {
  return Object.fromEntries(
    Object.entries(people).map(([name, { id, username }]) => [name, { id, username }]),
  );
}

async function publish(server, person, title) {
  const upload = await server.ask("POST", "/uploads", clip, person);
  return server.ask("POST", "/videos", { uploadId: upload.id, title }, person);
}

/** The built program, on a free port. */
async function start(target) {
  const main = pathToFileURL(join(checkout, "build/server/main.js")).href;
  const code = `(await import(${JSON.stringify(main)})).main(["serve", "--target=${target}"])`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      DOUYA_DATA: data,
      DOUYA_PORT: "0",
      DOUYA_LIMITS: "off",
      DOUYA_SERVICES: "feed=127.0.0.1:1",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const address = () => /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it did not start: ${output}`);
    return address() !== undefined;
  });
  const origin = address();
  return {
    async ask(method, path, body, person) {
      const isFile = Buffer.isBuffer(body);
      const answer = await fetch(`${origin}/api/v1${path}`, {
        method,
        headers: {
          ...(person && { authorization: `Bearer ${person.token}` }),
          ...(body && { "content-type": isFile ? "application/octet-stream" : "application/json" }),
        },
        ...(body && { body: isFile ? body : JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return text ? JSON.parse(text) : undefined;
    },
    async end(signal) {
      child.kill(signal);
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      // A killed one leaves its database running; a stopped one stops it.
      if (signal !== "SIGKILL") await until(async () => !postmaster());
    },
  };
}

async function until(isSo) {
  for (const deadline = Date.now() + patienceMs; !(await isSo()); await delay(50))
    if (Date.now() > deadline) throw new Error("it takes too long");
}

function postmaster() {
  try {
    const pid = Number(readFileSync(join(data, "postgres/postmaster.pid"), "utf8").split("\n")[0]);
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

function stopPostgres() {
  const pid = postmaster();
  if (!pid) return;
  process.kill(pid, "SIGINT");
  while (postmaster()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
}

/** Answers of the last statement. */
async function query(...statements) {
  const secret = readFileSync(join(data, "postgres/douya.password"), "utf8").trim();
  const socket = encodeURIComponent(join(data, "postgres"));
  const client = new pg.Client({ connectionString: `postgres://douya:${secret}@/douya?host=${socket}` });
  await client.connect();
  try {
    let rows = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}
