import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("videos in feeds, %s", (shape) => {
  const server = scenario(shape);
  let ada: Person;
  let bob: Person;
  let carol: Person;
  let ids: string[];
  beforeAll(async () => {
    [ada, bob, carol] = await Promise.all([server.register(), server.register(), server.register()]);
    for (const fan of [bob, carol]) body(await fan.put(`/users/${ada.id}/follow`), 204);
    const first = await ada.settled((await ada.publish(freshClip(), "the first")).id);
    const firstMs = Date.parse(first.publishedAt!);
    const { databaseUrl } = server.deployment;
    ids = [first.id, ...(await copyVideo(databaseUrl, first.id, 4, (i) => firstMs - 10 * (i + 1)))];
  });

  async function walk(person: Person, path: string): Promise<string[]> {
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const query: string = cursor && `&cursor=${cursor}`;
      const page: Page<Video> = body(await person.get<Page<Video>>(`${path}?limit=2${query}`));
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    return seen;
  }
  const classic = async ({ session }: Person): Promise<string[]> => {
    const answer = await send<{ video_list: { title: string }[] }>(
      "GET",
      `${server.origin}/douyin/feed/?token=${session.accessToken}`,
    );
    return answer.body.video_list.map(({ title }) => title);
  };

  test("what is not for somebody is in no feed of theirs until they take that back", async () => {
    const [first, second] = ids as [string, string];
    await until("the inbox", async () => (await walk(bob, "/feed/following")).includes(first));
    expect(await walk(bob, "/feed")).toEqual(ids);
    expect(await classic(bob)).toContain("copy 1");
    for (const id of [first, second]) body(await bob.put(`/videos/${id}/dislike`), 204);
    expect(await walk(bob, "/feed")).toEqual(ids.slice(2));
    expect(await walk(bob, "/feed/following")).not.toContain(first);
    expect(await classic(bob)).not.toContain("copy 1");
    // By its link it is shown, and to others everywhere.
    expect(body(await bob.get<Video>(`/videos/${first}`)).reaction).toBe("dislike");
    expect(await walk(carol, "/feed")).toEqual(ids);
    expect(await walk(carol, "/feed/following")).toContain(first);
    expect(await classic(carol)).toContain("copy 1");
    for (const id of [first, second]) body(await bob.delete(`/videos/${id}/dislike`), 204);
    expect(await walk(bob, "/feed")).toEqual(ids);
    expect(await walk(bob, "/feed/following")).toContain(first);
    expect(await classic(bob)).toContain("copy 1");
  });

  test("a title is changed by its author alone, and shown at once wherever the video is", async () => {
    const [id] = ids as [string];
    const change = (person: Person, title: unknown, of = id) =>
      person.patch<Video>(`/videos/${of}`, { json: { title } });
    expect(await classic(bob)).toContain("the first");
    expect(body(await change(ada, "  another 标题 ")).title).toBe("another 标题");
    const titles = async (person: Person, path: string) =>
      body(await person.get<Page<Video>>(path)).items.map(({ title }) => title);
    for (const path of ["/feed", `/users/${ada.id}/videos`]) {
      expect(await titles(bob, path)).toContain("another 标题");
      expect(await titles(bob, path)).not.toContain("the first");
    }
    expect(await classic(bob)).toContain("another 标题");
    expect(await classic(bob)).not.toContain("the first");
    expectProblem(await change(bob, "mine"), 403, "NOT_YOURS");
    expectProblem(await change(ada, "x".repeat(201)), 422, "TITLE_INVALID");
    expectProblem(await change(ada, "a\u0000b"), 422, "TITLE_INVALID");
    expect((await change(ada, {})).status).toBe(422);
    for (const of of ["1", "nonsense"])
      expect((await change(ada, "x", of)).status, of).toBeGreaterThanOrEqual(400);
    expectProblem(
      await server.api("PATCH", `/videos/${id}`, { json: { title: "x" } }),
      401,
      "LOGIN_REQUIRED",
    );
    expect(body(await change(ada, "")).title).toBe("");
  });
});
