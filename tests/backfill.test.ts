import { describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { clip } from "./harness/clips.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { scenario } from "./harness/scenario.ts";

describe("old videos", () => {
  const server = scenario("all", { env: { DOUYA_RUNGS: "none" } });
  const command = (name: string) =>
    startProgram(["media", name], {
      DOUYA_DATA: server.deployment.dataDir,
      DOUYA_DATABASE_URL: server.deployment.databaseUrl,
    });

  test("get their rungs and storyboards by a command that may be stopped and run again", async () => {
    const ada = await server.register();
    const ids: string[] = [];
    for (const name of ["upright-8s.mp4", "rgb-silent.webm", "compliant.mp4"]) {
      const { id } = await ada.settled((await ada.publish(clip(name))).id);
      ids.push(id);
    }
    const { programOf, restart, databaseUrl } = server.deployment;
    const show = async (id: string) => body(await server.api<Schemas["Video"]>("GET", `/videos/${id}`));
    expect(await show(ids[0]!)).toMatchObject({ hlsUrl: null, storyboardUrl: null, steps: [] });
    await programOf("video").stop();
    // Nobody is there to make them: it waits.
    const first = command("backfill");
    await first.printed(/0 of 3/);
    await first.kill();
    expect(await queryOnce(databaseUrl, "select from video.job where kind = 'ladder'")).toHaveLength(3);
    await restart("video", { DOUYA_RUNGS: "90" });
    const second = command("backfill");
    // Those that the server has made meanwhile are not counted.
    await second.printed(/videos were gone through|No video lacks anything/);
    expect(await second.ended).toMatchObject({ code: 0 });
    for (const id of ids)
      expect(await show(id)).toMatchObject({ renditions: [{ shortSide: expect.any(Number) }] });
    const third = command("backfill");
    await third.printed(/No video lacks anything/);

    const { storyboardUrl } = await show(ids[0]!);
    const track = await send<string>("GET", storyboardUrl!);
    expect(track.headers.get("content-type")).toMatch(/^text\/vtt/);
    const cues = body(track).split("\n\n").slice(1);
    expect(cues).toHaveLength(8);
    expect(cues[1]).toMatch(/^00:00:01\.000 --> 00:00:02\.000\n\S+\.jpg#xywh=90,0,90,160\n?$/);
    const picture = new URL(cues[1]!.split("\n")[1]!, storyboardUrl!);
    expect((await fetch(picture)).headers.get("content-type")).toBe("image/jpeg");
    // As is whatever a video shows, it is for nobody else's eyes when the video is not.
    await ada.patch(`/videos/${ids[0]}`, { json: { visibility: "private" } });
    expect(await show(ids[0]!).catch(() => null)).toBeNull();
    expect((await fetch(storyboardUrl!)).status).toBe(404);
    expect((await fetch(picture)).status).toBe(404);
  });

  test("are all that the command waits for, not what a busy server adds meanwhile", async () => {
    const { programOf, databaseUrl } = server.deployment;
    await programOf("video").stop();
    await queryOnce(databaseUrl, "update video.video set ladder = 'failed'");
    const run = command("backfill");
    await run.printed(/0 of 3/);
    await queryOnce(
      databaseUrl,
      "insert into video.job (kind, key, run_at) values ('ladder', '1', now() + interval '1 day')",
    );
    await queryOnce(databaseUrl, "delete from video.job where key <> '1'");
    await run.printed(/3 videos were gone through/);
    expect(await run.ended).toMatchObject({ code: 0 });
  });

  test("that command says what it wants", async () => {
    expect((await command("fill").ended).code).not.toBe(0);
  });
});
