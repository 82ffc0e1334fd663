import { beforeAll, describe, expect, test } from "vitest";
import { classicClient, ok, refused } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until, within } from "./harness/within.ts";

type User = Schemas["User"];
type Video = Schemas["Video"];
type Comment = Schemas["Comment"];

describe.each(shapes)("moderators, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let owner: Person;
  let ben: Person;
  let mo: Person;
  let video: Video;

  beforeAll(async () => {
    [owner, ben, mo] = await Promise.all([server.register(), server.register(), server.register()]);
    video = await owner.settled((await owner.publish(freshClip())).id);
  });

  async function douya(...args: string[]) {
    const { dataDir, databaseUrl } = server.deployment;
    const program = startProgram(args, { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl });
    const { code } = await within(program.ended, () => `douya ${args.join(" ")} does not end`);
    expect(program.output()).not.toMatch(/^ +at .*:\d+/m);
    return { code, output: program.output().trim() };
  }
  const say = async (path = "") =>
    body(
      await ben.post<Comment>(`/videos/${video.id}/comments${path}`, { json: { text: "something" } }),
      201,
    );
  const deleteBy = (person: Person, { id }: Comment) => person.delete(`/videos/${video.id}/comments/${id}`);
  const roleOf = async (person: Person) => body(await ben.get<User>(`/users/${person.id}`)).role;
  const commentsOf = async () => body(await server.api<Video>("GET", `/videos/${video.id}`)).counts.comments;
  /** The role takes effect within 5 s; well before the time limit of `until`. */
  const becomes = (allowed: boolean, look: () => Promise<{ status: number }>) =>
    until("the role is noticed", async () => ((await look()).status === 204) === allowed);

  test("are named on the command line, while the server runs", async () => {
    expect(await douya("moderator", "list")).toEqual({ code: 0, output: "There is no moderator yet." });
    expect((await douya("moderator", "add", "nobody at all")).output).toContain(
      "nobody called nobody at all",
    );
    for (const words of [["add"], ["dance", mo.username], ["list", "x"], ["add", mo.username, "x"]])
      expect(await douya("moderator", ...words)).toEqual({
        code: 1,
        output: expect.stringContaining("Say:"),
      });
    expect(await roleOf(mo)).toBe("member");
    expect(await douya("moderator", "add", ` ${mo.username.toUpperCase()}`)).toEqual({
      code: 0,
      output: `${mo.username} is a moderator now.`,
    });
    expect((await douya("moderator")).output).toBe(mo.username);
    expect(await roleOf(mo)).toBe("moderator");
    expect(await roleOf(owner)).toBe("member");
  });

  test("delete any comment while they are it, with the session they had before and after", async () => {
    const kept = await say();
    await douya("moderator", "remove", mo.username);
    await becomes(false, async () => deleteBy(mo, await say()));
    expectProblem(await deleteBy(mo, kept), 403, "NOT_YOURS");

    await douya("moderator", "add", mo.username);
    await becomes(true, () => deleteBy(mo, kept));
    expectProblem(await deleteBy(mo, kept), 404, "COMMENT_NOT_FOUND");
    const root = await say();
    await say(`/${root.id}/replies`);
    const before = await commentsOf();
    expect((await deleteBy(mo, root)).status).toBe(204);
    expect(await commentsOf()).toBe(before - 2);

    // In the classic API too, and nothing else: a moderator is no owner.
    const [first, second] = [await say(), await say()];
    const action = (person: Person, { id }: Comment) => ({
      token: person.session.accessToken,
      video_id: video.id,
      action_type: "2",
      comment_id: id,
    });
    ok(await classicApi.post("/comment/action/", action(mo, first)));
    const eve = await server.register();
    refused(await classicApi.post("/comment/action/", action(eve, second)), 10301);
    expectProblem(await mo.put(`/videos/${video.id}/comments-closed`), 403, "NOT_YOURS");
    expectProblem(await mo.delete(`/videos/${video.id}`), 403, "NOT_YOURS");

    const { items } = body(await ben.get<Page<Comment>>(`/videos/${video.id}/comments`));
    expect(items.map((comment) => comment.id)).toContain(second.id);
    // Nobody can hide from them by blocking them.
    for (const { id } of [mo, eve]) expect((await ben.put(`/users/${id}/block`)).status).toBe(204);
    const seenBy = async (person: Person) =>
      body(await person.get<Page<Comment>>(`/videos/${video.id}/comments`)).items.length;
    expect(await seenBy(eve)).toBe(0);
    expect(await seenBy(mo)).toBe(items.length);
    await douya("moderator", "remove", mo.username);
    await becomes(false, async () => deleteBy(mo, await say()));
    expectProblem(await deleteBy(mo, second), 403, "NOT_YOURS");
  });
});
