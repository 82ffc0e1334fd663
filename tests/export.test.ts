import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { befriend } from "./harness/friends.ts";
import { holdLocks } from "./harness/hold-locks.ts";
import { body, expectProblem, type Schemas } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { png } from "./harness/pictures.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { watchEnough } from "./harness/watch.ts";
import { until } from "./harness/within.ts";
import { zipEntries } from "./harness/zip-entries.ts";

type Rows = Record<string, unknown>[];

describe.each(shapes)("one's own data, %s", (shape) => {
  const server = scenario(shape);
  let folder: string;
  let ada: Person;
  let ben: Person;
  let eve: Person;
  let adas: Schemas["Video"];
  let bens: Schemas["Video"];
  const clip = freshClip();
  /** What is in no file of Ada's. */
  const secret = "between-ben-and-eve";
  const bensPicture = png(40, 30);

  const say = async (from: Person, to: { id: string }, content: string) =>
    body(await from.post(`/conversations/${to.id}/messages`, { json: { content } }), 201);
  const douya = (to: string, name = ada.username) => {
    const { dataDir, databaseUrl } = server.deployment;
    return startProgram(["export", name, `--to=${to}`], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: databaseUrl,
    });
  };
  async function exported(to: string) {
    const program = douya(to);
    expect((await program.ended).code, program.output()).toBe(0);
    const manifest = JSON.parse(await readFile(join(to, "manifest.json"), "utf8"));
    const files: Record<string, Rows> = {};
    for (const { name, path, records, sha256 } of manifest.files) {
      const text = await readFile(join(to, path), "utf8");
      expect(createHash("sha256").update(text).digest("hex")).toBe(sha256);
      files[name] = JSON.parse(text);
      expect(files[name]).toHaveLength(records);
    }
    return { manifest, files };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-export-"));
    [ada, ben, eve] = await Promise.all([server.register(), server.register(), server.register()]);
    await befriend(ada, ben);
    await befriend(ben, eve);
    body(await eve.put(`/users/${ada.id}/follow`), 204);
    body(await ada.patch("/me", { json: { signature: "<script>alert(1)</script>" } }));
    const [first, second, hidden] = await Promise.all([
      ada.publish(clip, "Mine & yours"),
      ben.publish(freshClip(), "Ben's"),
      ben.publish(freshClip(), `private ${secret}`),
    ]);
    [adas, bens] = [await ada.settled(first.id), await ben.settled(second.id)];
    await ben.settled(hidden.id);
    for (const what of ["like", "bookmark", "repost"]) body(await ada.put(`/videos/${bens.id}/${what}`), 204);
    body(await ben.put(`/videos/${adas.id}/like`), 204);
    body(await ben.post(`/videos/${bens.id}/comments`, { json: { text: `about ${secret}` } }), 201);
    body(await ada.post(`/videos/${bens.id}/comments`, { json: { text: "Well done" } }), 201);
    body(await ben.patch(`/videos/${hidden.id}`, { json: { visibility: "private" } }));
    const json = { name: "The three", userIds: [eve.id], idempotencyKey: ada.id };
    const { group } = body(await ben.post<{ group: { id: string } }>("/groups", { json }), 201);
    await say(ben, group, `before Ada came: ${secret}`);
    await say(ben, eve, secret);
    body(await ben.post(`/conversations/${eve.id}/pictures`, { bytes: bensPicture }), 201);
    await ben.post(`/groups/${group.id}/members`, { json: { userIds: [ada.id] } });
    await say(ben, group, "welcome");
    await say(ada, ben, "hello Ben");
    await say(ben, ada, "hello Ada");
    body(await ada.post(`/conversations/${ben.id}/pictures`, { bytes: png(60, 40) }), 201);
    const gone = (await say(ben, ada, `removed for herself ${secret}`)) as { id: string };
    body(await ada.delete(`/conversations/${ben.id}/messages/${gone.id}`), 204);
    await watchEnough(server, bens, ada);
    await until(
      "the history",
      async () => body(await ada.get<{ items: unknown[] }>("/history")).items.length === 1,
    );
    // Eve blocks Ada, which is Eve's.
    body(await eve.put(`/users/${ada.id}/block`), 204);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("all that is hers is there, readable, with the files", async () => {
    const to = join(folder, "whole");
    const { manifest, files } = await exported(to);
    expect(manifest).toMatchObject({
      ...{ format: "douya-export", version: 1, missing: 0 },
      person: { id: ada.id, username: ada.username },
    });
    const who = { id: ben.id, username: ben.username };
    expect(files.profile).toMatchObject([{ username: ada.username, signature: "<script>alert(1)</script>" }]);
    expect(files.posts).toMatchObject([
      { id: adas.id, title: "Mine & yours", visibility: "public", counts: { likes: 1, comments: 0 } },
    ]);
    const [video] = files.posts![0]!.media as { what: string; file: string }[];
    // The file that she sent, or what was made of it if that is not kept.
    const played = Buffer.from(await (await fetch(adas.playUrl!)).arrayBuffer());
    const taken = await readFile(join(to, video!.file));
    expect([clip, played].some((file) => taken.equals(file))).toBe(true);
    expect(files.comments).toMatchObject([{ post: bens.id, text: "Well done" }]);
    expect(files.reactions).toMatchObject([{ post: bens.id, reaction: "like" }]);
    for (const name of ["bookmarks", "reposts", "history"])
      expect(files[name]).toMatchObject([{ post: bens.id }]);
    expect(files.following).toMatchObject([{ person: who }]);
    expect(files.followers).toMatchObject([{ person: who }]);
    expect(files.blocked).toEqual([]);
    expect(files.sessions).toHaveLength(1);
    expect(files["notification-settings"]).toContainEqual({ kind: "like", list: true, push: true });
    const said = files.messages!.filter(({ notice }) => !notice);
    expect(said.map(({ text }) => text).sort()).toEqual(["", "hello Ada", "hello Ben", "welcome"]);
    expect(said.find(({ text }) => text === "hello Ada")).toMatchObject({ from: who, to: { id: ada.id } });
    expect(files.groups).toMatchObject([{ name: "The three", role: "member" }]);
    const media = await listFiles(join(to, "media"));
    expect(media).toHaveLength(manifest.media.files);
    // A page to be opened by hand, in which nothing that people wrote runs.
    const pages = await Promise.all(
      (await readdir(join(to, "pages"))).map((name) => readFile(join(to, "pages", name), "utf8")),
    );
    expect(pages.join()).toContain("&lt;script&gt;alert(1)");
    expect(pages.join()).not.toContain("<script>");
    expect(await readFile(join(to, "index.html"), "utf8")).toContain('href="pages/messages.html"');
  });

  test("nothing that is private to another is in it, and nothing that proves who somebody is", async () => {
    const to = join(folder, "private");
    await exported(to);
    const [row] = (await queryOnce(
      server.deployment.databaseUrl,
      `
      select a.password_hash, encode(s.refresh_hash, 'hex') as refresh from "user".account a
      join "user".session s on s.user_id = a.id where a.id = ${ada.id}`,
    )) as { password_hash: string; refresh: string }[];
    for (const file of await listFiles(to)) {
      if (!/\.(json|html)$/.test(file)) continue;
      const text = await readFile(join(to, file), "utf8");
      for (const word of [secret, row!.password_hash, row!.refresh, "argon2", "refresh"])
        expect(text, file).not.toContain(word);
      // That Eve has blocked her is not told: she is only in the group and a sender of notices there.
      if (!/messages/.test(file)) expect(text, file).not.toContain(eve.id);
    }
  });

  test("people make it themselves, once a day, and nobody else loads it", async () => {
    interface Made {
      state: string;
      progress: number;
      url: string | null;
    }
    const made = async (person: Person) => body(await person.get<Made>("/me/export"));
    expect(await made(ada)).toMatchObject({ state: "none", url: null });
    expect(body(await ada.post<Made>("/me/export"), 202)).toMatchObject({ state: "waiting", url: null });
    const { url } = await until("the file", async () => {
      const now = await made(ada);
      expect(now.state).not.toBe("failed");
      return now.state === "ready" && now;
    });
    expectProblem(await ada.post("/me/export"), 429, "EXPORT_TOO_SOON");
    const whole = await fetch(url!);
    expect([whole.status, whole.headers.get("content-type")]).toEqual([200, "application/zip"]);
    const zip = Buffer.from(await whole.arrayBuffer());
    const part = await fetch(url!, { headers: { range: "bytes=4-9" } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, zip.subarray(4, 10)]);
    const entries = zipEntries(zip);
    const read = (path: string) => JSON.parse(entries.get(path)!.toString("utf8"));
    const manifest = read("manifest.json");
    expect(manifest).toMatchObject({ missing: 0, person: { username: ada.username } });
    const { files: others } = await exported(join(folder, "beside"));
    for (const { path, name, records } of manifest.files) {
      const rows: Rows = read(path);
      expect(rows).toHaveLength(records);
      if (name !== "sessions") expect(rows, name).toEqual(others[name]);
    }
    expect([...entries.keys()].filter((path) => path.startsWith("media/"))).toHaveLength(
      manifest.media.files,
    );
    // The address is signed, for her, and what somebody else signs for themselves leads to nothing.
    expect((await fetch(url!.split("?")[0]!)).status).toBe(404);
    expect((await fetch(url!.replace(`viewer=${ada.id}`, `viewer=${ben.id}`))).status).toBe(404);
    expect(await made(ben)).toMatchObject({ state: "none", url: null });
    // After a week it is gone.
    await queryOnce(
      server.deployment.databaseUrl,
      `update "user".export set ready_at = ready_at - interval '8 days', asked_at = asked_at - interval '8 days' where user_id = ${ada.id}`,
    );
    expect((await fetch(url!)).status).toBe(404);
    expect(await made(ada)).toMatchObject({ state: "none", url: null });
    expect(body(await ada.post<Made>("/me/export"), 202).state).toBe("waiting");
    await until("another one", async () => (await made(ada)).state === "ready");
  });

  test("one that is killed leaves nothing that looks whole, and the next goes on", async () => {
    const to = join(folder, "killed");
    const release = await holdLocks(server.deployment.databaseUrl, "lock table playback.history");
    const program = douya(to);
    const partial = `${to}.${ada.id}.partial`;
    await until("the export to wait at its last file", async () =>
      existsSync(join(partial, "data/history.json")),
    );
    await program.kill();
    await release();
    expect(existsSync(to)).toBe(false);
    expect(existsSync(join(partial, "manifest.json"))).toBe(false);
    const { manifest } = await exported(to);
    expect(existsSync(partial)).toBe(false);
    expect(await listFiles(join(to, "media"))).toHaveLength(manifest.media.files);
    // What is there is never overwritten.
    const again = douya(to);
    expect((await again.ended).code).toBe(1);
    expect(again.output()).toContain(`${to} is there already`);
    const nobody = douya(join(folder, "nobody"), "nobody-at-all");
    expect((await nobody.ended).code).toBe(1);
    expect(nobody.output()).toContain("nobody-at-all");
  });
});
