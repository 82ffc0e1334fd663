import { statfsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { type SmallDisk, smallDisk } from "#platform/testing/small-disk.ts";
import { freshClip } from "./harness/clips.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { until, within } from "./harness/within.ts";

/** As large as a new database needs, plus what uploads always leave free. */
const diskMegabytes = 1536;

describe("a full disk", () => {
  let disk: SmallDisk | undefined;
  let program: Program;
  let origin: string;
  let token: string;
  let videoId: string;
  const env = () => ({
    DOUYA_DATA: join(disk!.folder, "data"),
    DOUYA_PORT: new URL(origin).port,
    DOUYA_LIMITS: "off",
    DOUYA_RUNGS: "none",
  });
  const api = <T>(method: string, path: string, options = {}) =>
    send<T>(method, `${origin}/api/v1${path}`, { token, ...options });
  const readyz = () => send<{ ready: boolean; degraded?: Record<string, string> }>("GET", `${origin}/readyz`);
  const gauge = async () => /^douya_disk_full (\d)/m.exec((await send("GET", `${origin}/metrics`)).text)?.[1];
  const comment = () =>
    api<{ reason?: string }>("POST", `/videos/${videoId}/comments`, { json: { text: "\u8c46".repeat(200) } });

  beforeEach((ctx) => {
    if (disk) return;
    ctx.task.meta.lacks = "the right to mount a small disk";
    ctx.skip("needs to mount a small disk");
  });
  beforeAll(async () => {
    disk = await smallDisk(diskMegabytes);
    if (!disk) return;
    origin = `http://127.0.0.1:${(await freePorts(1))[0]}`;
    program = startProgram(["serve"], env());
    await program.printed(/Stop {5}Ctrl-C/);
    const json = { username: "ada", password: "correct horse" };
    token = body(await send<Schemas["Session"]>("POST", `${origin}/api/v1/users`, { json }), 201).accessToken;
    const upload = body(await api<Schemas["Upload"]>("POST", "/uploads", { bytes: freshClip() }), 201);
    const video = body(
      await api<Schemas["Video"]>("POST", "/videos", { json: { uploadId: upload.id, title: "Seen" } }),
      201,
    );
    videoId = video.id;
    await until("the video is published", async () => {
      return body(await api<Schemas["Video"]>("GET", `/videos/${videoId}`)).state === "published";
    });
  });
  afterAll(async () => {
    await program?.stop();
    await disk?.remove();
  });

  test("a file is taken when there is room for three times its size, which is promised once", async () => {
    const { bavail, bsize } = statfsSync(disk!.folder);
    const free = bavail * bsize - 512 * 2 ** 20;
    const announce = (share: number) =>
      api<{ reason: string }>("POST", "/uploads/tus", {
        headers: { "tus-resumable": "1.0.0", "upload-length": String(Math.floor(free * share)) },
      });
    const refused = await announce(0.4);
    expect([refused.status, refused.body.reason]).toEqual([503, "DISK_FULL"]);
    const taken = await announce(0.3);
    expect(taken.status).toBe(201);
    expect((await announce(0.3)).status).toBeOneOf([429, 503]);
    const location = taken.headers.get("location")!.replace("/api/v1", "");
    expect((await api("DELETE", location, { headers: { "tus-resumable": "1.0.0" } })).status).toBe(204);
    const again = await announce(0.3);
    expect(again.status).toBe(201);
    const second = again.headers.get("location")!.replace("/api/v1", "");
    expect((await api("DELETE", second, { headers: { "tus-resumable": "1.0.0" } })).status).toBe(204);
  });

  test("writes are refused by name, reads go on, and it is logged once; free room is noticed at once", async () => {
    await disk!.fill();
    const { bavail, bsize } = statfsSync(disk!.folder);
    expect(bavail * bsize).toBeLessThan(2 ** 16);
    const refused = await until("a comment that finds no room", async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, comment));
      for (const { status, body } of answers)
        expect([status, status === 201 ? undefined : body.reason]).toEqual(
          status === 201 ? [201, undefined] : [503, "DISK_FULL"],
        );
      return answers.find(({ status }) => status === 503);
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    const upload = await api<{ reason: string }>("POST", "/uploads", { bytes: freshClip() });
    expect([upload.status, upload.body.reason]).toEqual([503, "DISK_FULL"]);
    const classic = await send<{ status_code: number }>(
      "POST",
      `${origin}/douyin/comment/action/?token=${token}&video_id=${videoId}&action_type=1&comment_text=${"y".repeat(200)}`,
    );
    expect([classic.status, classic.body.status_code]).toEqual([503, 20201]);

    expect(body(await api<{ items: unknown[] }>("GET", "/feed?limit=10")).items).toHaveLength(1);
    const state = await readyz();
    expect(state.status).toBe(200);
    expect(state.body.ready).toBe(true);
    expect(state.body.degraded?.disk).toMatch(/^DISK_FULL/);
    expect(await gauge()).toBe("1");
    await expect.poll(() => program.output()).toMatch(/the disk is full: nothing can be saved/);
    expect(program.output().match(/the disk is full: nothing can be saved/g)).toHaveLength(1);
    expect(program.output()).not.toMatch(/^ +at .*:\d+:\d+|"stack"/m);

    await disk!.empty();
    await until("a comment that finds room", async () => (await comment()).status === 201);
    await until("the end is told", async () => (await readyz()).body.degraded?.disk === undefined);
    expect(await gauge()).toBe("0");
    await expect.poll(() => program.output()).toMatch(/the disk has room again/);
  });

  test("a start on a full disk says so in a sentence", async () => {
    await program.stop();
    await disk!.fill();
    const refused = startProgram(["serve"], env());
    const { code } = await within(refused.ended, () => refused.output());
    expect(code).toBe(1);
    expect(refused.output()).toMatch(/disk|room|space/);
    expect(refused.output()).toContain(disk!.folder);
    expect(refused.output()).not.toMatch(/^ +at .*:\d+/m);
    await disk!.empty();
    program = startProgram(["serve"], env());
    await program.printed(/Stop {5}Ctrl-C/);
  });
});
