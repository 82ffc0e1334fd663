import { join } from "node:path";
import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { type Shape, shapes } from "./harness/deployment.ts";
import { holdLocks } from "./harness/hold-locks.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("deleting a video, %s", (shape: Shape) => {
  const server = scenario(shape, { mayLogErrors: true });
  let owner: Person;
  let ben: Person;
  let mo: Person;

  beforeAll(async () => {
    [owner, ben, mo] = await Promise.all([server.register(), server.register(), server.register()]);
    await query(`update "user".account set role = 'moderator' where id = $1`, [mo.id]);
  });

  async function query<Row = Record<string, string>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  }
  const publish = async () => owner.settled((await owner.publish(freshClip())).id);
  const blobs = () => listFiles(join(server.deployment.dataDir, "blobs"));

  test("is refused while a moderator holds it; the hold is theirs to set, and shown to the author", async () => {
    const video = await publish();
    const heldFor = async (person: Person) => body(await person.get<Video>(`/videos/${video.id}`)).held;
    expectProblem(await ben.put(`/videos/${video.id}/hold`), 403, "MODERATORS_ONLY");
    expectProblem(await owner.put(`/videos/${video.id}/hold`), 403, "MODERATORS_ONLY");
    expectProblem(await server.api("PUT", `/videos/${video.id}/hold`), 401, "LOGIN_REQUIRED");
    expectProblem(await mo.put("/videos/1/hold"), 404, "VIDEO_NOT_FOUND");
    for (let i = 0; i < 2; i++) expect((await mo.put(`/videos/${video.id}/hold`)).status).toBe(204);
    expect([await heldFor(owner), await heldFor(mo), await heldFor(ben)]).toEqual([true, true, false]);
    expectProblem(await owner.delete(`/videos/${video.id}`), 409, "VIDEO_HELD");
    const title = { json: { title: "Nothing to see" } };
    expectProblem(await owner.patch(`/videos/${video.id}`, title), 409, "VIDEO_HELD");
    expectProblem(await ben.delete(`/videos/${video.id}`), 403, "NOT_YOURS");
    expectProblem(await owner.delete(`/videos/${video.id}/hold`), 403, "MODERATORS_ONLY");
    expect((await mo.delete(`/videos/${video.id}/hold`)).status).toBe(204);
    expect(await heldFor(owner)).toBe(false);
    expect((await owner.delete(`/videos/${video.id}`)).status).toBe(204);
    expectProblem(await mo.put(`/videos/${video.id}/hold`), 404, "VIDEO_NOT_FOUND");
  });

  test("removes everything of it, however often the worker is killed", async () => {
    await until("the files of what was deleted before are gone", async () => (await blobs()).length === 0);
    const video = await publish();
    const other = await publish();
    expect((await ben.put(`/users/${owner.id}/follow`)).status).toBe(204);
    await ben.get("/feed/following");
    expect((await ben.put(`/videos/${video.id}/like`)).status).toBe(204);
    expect((await ben.put(`/videos/${other.id}/like`)).status).toBe(204);
    const comment = body(
      await ben.post<Schemas["Comment"]>(`/videos/${video.id}/comments`, { json: { text: "hm" } }),
      201,
    );
    await ben.post(`/videos/${video.id}/comments/${comment.id}/replies`, { json: { text: "hm" } });
    // Enough likes to need many steps, with their counts.
    const many = 30_000;
    await query(
      `with liked as (
         insert into interaction.reaction select $1, i, 1, i from generate_series(1, $2::int) i returning user_id
       ), people as (
         insert into interaction.person (user_id, likes_given) select user_id, 1 from liked
       ), author as (
         update interaction.person set likes_received = likes_received + $2 where user_id = $3
       )
       update interaction.video set likes = likes + $2 where video_id = $1`,
      [video.id, many, owner.id],
    );
    const left = async () =>
      Number(
        (await query("select count(*) from interaction.reaction where video_id = $1", [video.id]))[0]!.count,
      );

    /** They go from the lowest number on, and no further than this one until the answer is called. */
    const stopAt = (userId: number) =>
      holdLocks(
        server.deployment.databaseUrl,
        `select from interaction.reaction where user_id = ${userId} for update`,
      );
    let goOn = await stopAt(many / 3);

    // No consumer or job runs yet.
    const modules = shape === "all" ? ["gateway"] : ["relation", "video"];
    if (shape === "split") await server.deployment.programOf("relation").kill();
    expect((await owner.delete(`/videos/${video.id}`)).status).toBe(204);
    for (const module of modules) await server.deployment.programOf(module).kill();
    for (const module of modules) await server.deployment.restart(module);
    // Repeatedly in the middle of it.
    const worker = shape === "all" ? "gateway" : "interaction";
    let was = many + 1;
    for (const next of [(many * 2) / 3, many]) {
      await until("some are gone", async () => (await left()) < was);
      await server.deployment.programOf(worker).kill();
      was = await left();
      const stopLater = await stopAt(next);
      await goOn();
      goOn = stopLater;
      await server.deployment.restart(worker);
    }
    await goOn();

    await until("all are gone", async () => (await left()) === 0);
    await until("its files are gone", async () => (await blobs()).length === 2);
    await until(
      "no trace is left but that it is gone",
      async () =>
        (
          await query(
            `select from interaction.video where video_id = $1 and author_id = 0 and removed
               and (likes, dislikes, comments) = (0, 0, 0)
               and not exists (select from interaction.comment where video_id = $1)
               and not exists (select from feed.author_video where video_id = $1)
               and not exists (select from video.video where id = $1)
               and not exists (select from video.blob_use where owner_id = $1)
               and not exists (select from video.job where key = $1::text)`,
            [video.id],
          )
        ).length === 1,
    );
    expectProblem(await ben.get(`/videos/${video.id}`), 404, "VIDEO_NOT_FOUND");
    expect(body(await ben.get<Schemas["User"]>(`/users/${owner.id}`)).counts).toMatchObject({
      videos: 1,
      likesReceived: 1,
    });
    expect(body(await ben.get<Schemas["User"]>("/me")).counts.likesGiven).toBe(1);
    const { items } = body(await ben.get<Page<Video>>("/feed/following"));
    expect(items.map(({ id }) => id)).toEqual([other.id]);
    const { dataDir, databaseUrl } = server.deployment;
    const doctor = startProgram(["doctor", "--recount"], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: databaseUrl,
    });
    expect((await doctor.ended).code, doctor.output()).toBe(0);
  });
});
