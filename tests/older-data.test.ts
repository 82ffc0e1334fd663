import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, constants } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { nowAndThenMs, until, within } from "./harness/within.ts";

/** One for each released version; scripts/make-data-folder.mjs makes them. */
const packed = new URL("data-folders/", import.meta.url);

interface Expected {
  password: string;
  people: Record<"ada" | "ben" | "cleo", { id: string; username: string }>;
  videos: [string, string];
  unfinished: string;
}
interface Page<Item> {
  items: Item[];
}

test("there is a folder of a released version", () => {
  expect(readdirSync(packed).filter((name) => name.endsWith(".tar.br"))).not.toEqual([]);
});

describe.each(readdirSync(packed))("the data folder %s", (file) => {
  const folder = mkdtempSync(join(tmpdir(), "douya-older-"));
  const env = { DOUYA_DATA: join(folder, "data"), DOUYA_PORT: "0", DOUYA_LIMITS: "off" };
  let expected: Expected;
  let program: Program;
  let origin: string;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    const tar = brotliDecompressSync(readFileSync(new URL(file, packed)), {
      params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: true },
    });
    execFileSync("tar", ["-x", "-C", folder], { input: tar });
    expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
    program = startProgram(["serve"], env);
    origin = (await program.printed(/http:\/\/127\.0\.0\.1:\d+/))[0];
    await program.printed(/Stop {5}Ctrl-C/);
  });
  afterAll(async () => {
    await program?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function get<T>(who: keyof Expected["people"], path: string): Promise<T> {
    const token = tokens.get(who);
    return body(await send<T>("GET", `${origin}/api/v1${path}`, { ...(token && { token }) }));
  }

  test("people log in with their passwords", async () => {
    for (const [name, { username, id }] of Object.entries(expected.people)) {
      const json = { username, password: expected.password };
      const session = body(
        await send<Schemas["Session"]>("POST", `${origin}/api/v1/sessions`, { json }),
        201,
      );
      expect(session.user.id).toBe(id);
      tokens.set(name, session.accessToken);
    }
  });

  test("the video that was in the pipeline is published, and everything is in the feeds, delivered or not", async () => {
    const all = [expected.unfinished, ...expected.videos.toReversed()];
    await until(
      "it is published",
      async () =>
        (await get<Schemas["Video"]>("ada", `/videos/${expected.unfinished}`)).state === "published",
      nowAndThenMs,
    );
    const [, sunset] = expected.videos;
    for (const [who, path, wanted] of [
      ["ben", "/feed", all],
      ["ben", "/feed/following", all],
      // Their follow was one of the events that nobody had heard of; what they dislike is left out.
      ["cleo", "/feed/following", all.filter((id) => id !== sunset)],
    ] as const) {
      await until(
        `all of it is in ${path} of ${who}`,
        async () => (await get<Page<Schemas["Video"]>>(who, path)).items.length === wanted.length,
        nowAndThenMs,
      );
      const { items } = await get<Page<Schemas["Video"]>>(who, path);
      expect(items.map(({ id }) => id)).toEqual(wanted);
    }
  });

  test("counts, comments, messages and files are there", async () => {
    const { videos, people } = expected;
    const [silk, sunset] = await Promise.all(
      videos.map((id) => get<Schemas["Video"]>("cleo", `/videos/${id}`)),
    );
    expect(silk).toMatchObject({ title: "Silk", counts: { likes: 2, comments: 2 }, reaction: "like" });
    expect(sunset).toMatchObject({ title: "Sunset", counts: { likes: 1, comments: 0 }, reaction: "dislike" });
    const comments = await get<Page<{ text: string }>>("cleo", `/videos/${videos[0]}/comments`);
    expect(comments.items.map(({ text }) => text)).toEqual(["second", "first"]);
    const messages = await get<Page<{ content: string }>>("ada", `/conversations/${people.ben.id}/messages`);
    expect(messages.items.map(({ content }) => content).sort()).toEqual(["are you there?", "hello"]);
    const ada = await get<Schemas["User"]>("ben", `/users/${people.ada.id}`);
    expect(ada).toMatchObject({ followed: true, counts: { followers: 2, videos: 3, likesReceived: 3 } });
    expect((await fetch(new URL(silk!.playUrl!, origin))).status).toBe(200);
  });

  test("every count equals its facts", async () => {
    const recount = startProgram(["doctor", "--recount"], env);
    const { code } = await within(recount.ended, () => "the recount does not end");
    expect({ code, answer: recount.answer() }).toMatchObject({ code: 0 });
  });
});
