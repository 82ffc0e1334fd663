import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modulesOf } from "#apps/server/targets.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { withEtcd } from "#platform/testing/private-etcd.ts";
import { withNats } from "#platform/testing/private-nats.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { freshClip } from "../harness/clips.ts";
import type { Deployment } from "../harness/deployment.ts";
import { body, type Page, type Schemas, send } from "../harness/http-client.ts";
import { type Program, startProgram } from "../harness/program.ts";
import { type Person, scenarioOf } from "../harness/scenario.ts";
import { type Ask, instancesIn, steadyLoad } from "../harness/steady-load.ts";
import { nowAndThenMs, until } from "../harness/within.ts";

/**
 * `OLD_VERSION=<commit> npm run test:upgrade`: every module is taken from that version to this one under load, as
 * docs/growing.md says. It is no part of the suite, because it builds the old version from the history, which not every
 * copy has. By default it is the release that contracts/released.binpb and tests/data-folders are of. One without
 * signatures is upgraded with DOUYA_UNSIGNED=allowed, which is taken out at the end.
 */
const oldVersion = process.env.OLD_VERSION ?? "5893e54";
const root = fileURLToPath(new URL("../..", import.meta.url));
const modules = modulesOf("all").map(({ module }) => module.name);

const etcd = withEtcd();
const nats = withNats();
let folder: string;
let database: TestDatabase;
/** Of its own, so that what others do reaches it by NATS alone. */
let databaseOfFeed: TestDatabase;
let origin: string;
/** The one that serves each module. */
const serving = new Map<string, Program>();
const programs: Program[] = [];
let people: Person[];
let videoId: string;
const server = scenarioOf(() => ({ origin }) as Deployment);

beforeAll(async () => {
  if (!etcd() || !nats()) return;
  folder = await mkdtemp(join(tmpdir(), "douya-upgrade-"));
  buildOld();
  [database, databaseOfFeed] = [await createTestDatabase(), await createTestDatabase()];
  // One after the other, so that their migrations are not what is tested here.
  for (const module of modules)
    serving.set(module, await start(module, {}, join(folder, "old/bin/douya.mjs")));
  people = [];
  for (let i = 0; i < 4; i++)
    people.push(await until("every module", () => server.register().catch(() => undefined)));
  for (const me of people)
    for (const other of people) if (me !== other) await me.put(`/users/${other.id}/follow`);
  const published = await people[0]!.publish(freshClip());
  videoId = (await people[0]!.settled(published.id)).id;
});
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  await Promise.all([database?.drop(), databaseOfFeed?.drop()]);
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Built where nothing else is, with the installed libraries. */
function buildOld(): void {
  const dir = join(folder, "old");
  mkdirSync(dir);
  const archive = execFileSync("git", ["archive", oldVersion], { cwd: root, maxBuffer: 2 ** 30 });
  execFileSync("tar", ["-xf", "-", "-C", dir], { input: archive });
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  execFileSync(process.execPath, ["-e", "import('./scripts/prepare.mjs').then((it) => it.prepare())"], {
    cwd: dir,
  });
}

async function start(module: string, settings: Record<string, string>, file?: string): Promise<Program> {
  const [port] = (await freePorts(1)) as [number];
  const env = {
    DOUYA_DATA: join(folder, "data"),
    DOUYA_DATABASE_URL: database.url,
    DOUYA_LIMITS: "off",
    DOUYA_PORT: String(port),
    DOUYA_RPC_PORT: "0",
    DOUYA_SERVICES: "",
    DOUYA_ETCD_URL: etcd().url,
    DOUYA_NATS_URL: nats().url,
    DOUYA_DATABASE_URL_FEED: databaseOfFeed.url,
    ...settings,
  };
  const program = startProgram(["serve", `--target=${module}`], env, file);
  programs.push(program);
  await program.printed(/Stop {5}Ctrl-C/);
  if (module === "gateway") origin = `http://127.0.0.1:${port}`;
  return program;
}

/** Through whichever gateway is the last one. */
const as =
  (method: string, path: (other: Person) => string, json?: object): Ask =>
  (me, other) =>
    send(method, `${origin}/api/v1${path(other)}`, {
      token: me.session.accessToken,
      ...(json && { json }),
    });
const asks: Ask[] = [
  as("GET", ({ id }) => `/users/${id}`),
  as("PUT", ({ id }) => `/users/${id}/follow`),
  as("GET", ({ id }) => `/users/${id}/followers`),
  as("PUT", () => `/videos/${videoId}/like`),
  as("GET", () => `/videos/${videoId}`),
  as("DELETE", () => `/videos/${videoId}/like`),
  as("GET", () => "/feed"),
  as("GET", () => "/feed/following"),
  as("POST", ({ id }) => `/conversations/${id}/messages`, { content: "A message" }),
  as("GET", () => "/conversations"),
  as("POST", () => `/videos/${videoId}/comments`, { text: "A comment" }),
  as("PATCH", () => "/me", { signature: "As before" }),
];

/** Starts another process of a module beside the one there is, then stops that, while everybody asks. */
async function replaceUnderLoad(module: string, settings: Record<string, string>): Promise<void> {
  const asked = steadyLoad(people, asks);
  try {
    const before = asked.answered();
    await until("answers of the old one", () => asked.answered() > before + 20);
    const next = await start(module, settings);
    if (module !== "gateway")
      await until("both in etcd", async () => (await instancesIn(etcd().url, module)) === 2, nowAndThenMs);
    const both = asked.answered();
    await until("answers of both", () => asked.answered() > both + 50);
    await serving.get(module)!.stop();
    serving.set(module, next);
    const after = asked.answered();
    await until("answers of the new one", () => asked.answered() > after + 50);
  } finally {
    const refused = await asked.stop();
    process.stdout.write(
      `${module}, ${oldVersion}: ${asked.answered()} answered, ${refused.length} failed\n`,
    );
    expect(refused).toEqual([]);
  }
}

/** Its events come from the database of the videos to that of the feed. */
async function expectDelivery(): Promise<void> {
  const [ada, ben] = people as [Person, Person];
  const { id } = await ada.publish(freshClip());
  await ada.settled(id);
  await until(
    "the video is delivered",
    async () => {
      const page = await ben.get<Page<Schemas["Video"]>>("/feed/following");
      return body(page).items.some((video) => video.id === id);
    },
    nowAndThenMs,
  );
}

test.each(modules)("no request fails while %s is upgraded, and events arrive", async (module) => {
  await replaceUnderLoad(module, { DOUYA_UNSIGNED: "allowed" });
  await expectDelivery();
});

test.each(
  modules,
)("no request fails while %s believes no longer what is not signed, and events arrive", async (module) => {
  await replaceUnderLoad(module, {});
  await expectDelivery();
});

test("nothing of this version was left out as not signed", () => {
  const warned = programs.filter((program) => /DOUYA_UNSIGNED/.test(program.output()));
  expect(warned.map((program) => program.output())).toEqual([]);
});
