import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("blobs on two disks", () => {
  let deployment: Deployment;
  let folder: string;
  let env: Record<string, string>;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-disks-"));
    env = { DOUYA_BLOB_DIRS: `${join(folder, "a")},${join(folder, "b")}` };
    deployment = await deploy("all", { env });
  });
  afterAll(async () => {
    await deployment?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  async function command(...args: string[]) {
    const own = { DOUYA_DATA: deployment.dataDir, DOUYA_DATABASE_URL: deployment.databaseUrl };
    const program = startProgram(args, { ...env, ...own });
    const { code } = await program.ended;
    return { code, answer: program.answer() };
  }
  const degraded = async () =>
    (await send<{ degraded?: Record<string, string> }>("GET", `${server.origin}/readyz`)).body.degraded
      ?.blobs;

  /** Until what is returned is called, nothing is where this disk was. */
  async function takeAway(dir: string): Promise<() => Promise<void>> {
    await rename(dir, `${dir}.away`);
    await mkdir(dir);
    return async () => {
      await rm(dir, { recursive: true });
      await rename(`${dir}.away`, dir);
    };
  }

  test("one of which goes away are named, answered with 503, and play again when it is back", async () => {
    const ada = await server.register();
    const video = await ada.settled((await ada.publish(freshClip())).id);
    expect(video.state).toBe("published");
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    expect(await command("blobs", "verify")).toMatchObject({ code: 0 });
    expect((await command("blobs", "usage")).answer).toMatch(/^video +1 files/m);
    expect(await degraded()).toBeUndefined();

    const key = video.playUrl!.split("/media/")[1]!;
    const onA = (await readdir(join(folder, "a"), { recursive: true })).some((name) =>
      name.endsWith(key.split("/")[1]!),
    );
    const dir = join(folder, onA ? "a" : "b");
    const bringBack = await takeAway(dir);
    const refused = await send<{ reason: string }>("GET", video.playUrl!);
    expect([refused.status, refused.body.reason]).toEqual([503, "BLOB_DISK_AWAY"]);
    await until("/readyz names it", async () => (await degraded())?.includes(dir));
    const doctor = await command("doctor");
    expect(doctor.answer).toContain(dir);
    const verified = await command("blobs", "verify");
    expect(verified.code).toBe(1);
    expect(verified.answer).toContain(`AWAY ${key} of `);
    expect((await command("blobs", "usage")).answer).toContain("on a disk that is away");

    // The rest goes on.
    const another = await ada.settled((await ada.publish(freshClip())).id);
    expect(another.state).toBe("published");
    expect((await send("GET", another.playUrl!)).status).toBe(200);
    body(await ada.put("/me/avatar", { bytes: clip("half.png") }));
    body(await ada.delete("/me/avatar"));
    expect(await readdir(dir)).toEqual([]);

    await bringBack();
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    await until("/readyz says so", async () => (await degraded()) === undefined);
    expect(await command("blobs", "verify")).toMatchObject({ code: 0 });
  });

  test("one of which is away keep no account from being deleted, whose picture goes when it is back", async () => {
    const eve = await server.register();
    const { avatarUrl } = body(
      await eve.put<{ avatarUrl: string }>("/me/avatar", { bytes: clip("half.png") }),
    );
    const file = avatarUrl.split("/").at(-1)!;
    const folderOf = async () => {
      for (const name of ["a", "b"]) {
        const files = await readdir(join(folder, name), { recursive: true });
        if (files.some((path) => path.endsWith(file))) return join(folder, name);
      }
      return undefined;
    };
    const dir = await until("it has its place", folderOf);
    const bringBack = await takeAway(dir);
    const states = (...people: { id: string }[]) =>
      queryOnce(
        deployment.databaseUrl,
        `select state from "user".account where id in (${people.map(({ id }) => id)})`,
      );
    const ben = await server.register();
    for (const person of [eve, ben])
      body(await person.delete("/me", { json: { password: person.password } }), 202);
    await until("both are deleted", async () =>
      (await states(eve, ben)).every(({ state }) => state === "erased"),
    );
    await bringBack();
    await until("the picture is gone", async () => (await folderOf()) === undefined);
    // The job ends after its file.
    await expect.poll(() => queryOnce(deployment.databaseUrl, `select from "user".job`)).toEqual([]);
  });
});
