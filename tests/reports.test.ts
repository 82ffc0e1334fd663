import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Comment = Schemas["Comment"];
type Reported = Schemas["ReportedComment"];

describe.each(shapes)("reported comments, %s", (shape) => {
  const server = scenario(shape);
  let owner: Person;
  let ben: Person;
  let eve: Person;
  let mo: Person;
  let videos: string[];

  beforeAll(async () => {
    [owner, ben, eve, mo] = (await Promise.all([1, 2, 3, 4].map(() => server.register()))) as [
      Person,
      Person,
      Person,
      Person,
    ];
    const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await client.connect();
    await client.query(`update "user".account set role = 'moderator' where id = $1`, [mo.id]);
    await client.end();
    const video = await owner.settled((await owner.publish(freshClip())).id);
    videos = await copyVideo(server.deployment.databaseUrl, video.id, 4, (i) => 1_700_000_000_000 + i);
    videos.push(video.id);
  });

  const say = async (videoId = videos[0]!, text = "something", replyTo?: string) => {
    const path = `/videos/${videoId}/comments${replyTo ? `/${replyTo}/replies` : ""}`;
    return body(await ben.post<Comment>(path, { json: { text } }), 201);
  };
  const pathOf = ({ videoId, id }: Pick<Comment, "videoId" | "id">) => `/videos/${videoId}/comments/${id}`;
  const report = (
    person: Person,
    comment: Pick<Comment, "videoId" | "id">,
    json: unknown = { reason: "spam" },
  ) => person.post(`${pathOf(comment)}/report`, { json });
  const dismiss = (person: Person, comment: Comment) => person.delete(`${pathOf(comment)}/reports`);
  const page = async (query = "") => body(await mo.get<Page<Reported>>(`/moderation/comments${query}`));
  const queue = async () => (await page("?limit=50")).items.map(({ comment }) => comment.id);

  test("appear once with their reports, until a moderator decides", async () => {
    const comment = await say();
    const before = Date.now();
    for (let i = 0; i < 2; i++) body(await report(eve, comment, { reason: "spam", text: " buy! " }), 204);
    body(await report(eve, comment, { reason: "other", text: "the first stands" }), 204);
    body(await report(owner, comment, { reason: "abuse", text: "rude 豆芽" }), 204);
    const { items, nextCursor } = await page();
    expect(nextCursor).toBeNull();
    expect(items).toEqual([
      {
        comment: expect.objectContaining({ id: comment.id, text: "something" }),
        firstReportedAt: expect.any(String),
        reports: { spam: 1, abuse: 1, other: 0 },
        texts: ["rude 豆芽", "buy!"],
      },
    ]);
    expect(Math.abs(Date.parse(items[0]!.firstReportedAt) - before)).toBeLessThan(60_000);

    for (let i = 0; i < 2; i++) body(await dismiss(mo, comment), 204);
    expect(await queue()).toEqual([]);
    // Decided once: it does not come back, whoever reports it.
    for (const person of [eve, owner, mo]) body(await report(person, comment), 204);
    expect(await queue()).toEqual([]);
    expect(body(await eve.get<Page<Comment>>(`/videos/${comment.videoId}/comments`)).items).toContainEqual(
      expect.objectContaining({ id: comment.id }),
    );
  });

  test("a reply with its thread, on closed comments too, and whoever is blocked", async () => {
    const root = await say(videos[1]);
    const reply = await say(videos[1], "reply", root.id);
    body(await owner.put(`/videos/${videos[1]}/comments-closed`), 204);
    body(await ben.put(`/users/${mo.id}/block`), 204);
    for (const comment of [reply, root]) body(await report(eve, comment), 204);
    expect(await queue()).toEqual([reply.id, root.id]);
    expect((await mo.delete(pathOf(root))).status).toBe(204);
    expect(await queue()).toEqual([]);
    expectProblem(await report(eve, reply), 404, "COMMENT_NOT_FOUND");
    expectProblem(await dismiss(mo, root), 404, "COMMENT_NOT_FOUND");
    body(await ben.delete(`/users/${mo.id}/block`), 204);
  });

  test("go with their video, and with who wrote them; a report goes with who made it", async () => {
    const [zoe, yan] = [await server.register(), await server.register()];
    const videoId = videos[2]!;
    const comment = await say(videoId);
    const hers = body(
      await zoe.post<Comment>(`/videos/${videoId}/comments`, { json: { text: "hers" } }),
      201,
    );
    const both = await say(videoId);
    for (const one of [comment, both]) body(await report(zoe, one), 204);
    for (const one of [hers, both]) body(await report(yan, one, { reason: "abuse" }), 204);
    expect(await queue()).toEqual([comment.id, both.id, hers.id]);
    body(await zoe.delete("/me", { json: { password: zoe.password } }), 202);
    await until("her share is gone", async () => {
      const { items } = await page();
      return items.length === 1 && items[0]!.reports.spam === 0;
    });
    expect(await page()).toMatchObject({ items: [{ comment: { id: both.id }, reports: { abuse: 1 } }] });
    body(await owner.delete(`/videos/${videoId}`), 204);
    await until("the queue is empty", async () => (await queue()).length === 0);
  });

  test("page without repeats and gaps while reports come in and are judged", async () => {
    const comments: Comment[] = [];
    for (let i = 0; i < 6; i++) comments.push(await say(videos[3], `${i}`));
    for (const comment of comments.slice(0, 5)) body(await report(eve, comment), 204);
    const seen: string[] = [];
    let cursor: string | null = "";
    for (let i = 0; cursor !== null; i++) {
      const next: Page<Reported> = await page(`?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...next.items.map(({ comment }) => comment.text));
      cursor = next.nextCursor;
      if (i > 0) continue;
      // More reports of seen and coming comments, one of the seen is decided, and one is new.
      for (const n of [0, 3]) body(await report(owner, comments[n]!), 204);
      body(await dismiss(mo, comments[1]!), 204);
      body(await report(owner, comments[5]!), 204);
    }
    expect(seen).toEqual(["0", "1", "2", "3", "4", "5"]);
    for (const comment of comments) body(await dismiss(mo, comment), 204);
  });

  test("an impossible report is refused by name and changes nothing", async () => {
    const comment = await say();
    const guest = (method: string, path: string) => server.api(method, path, { json: { reason: "spam" } });
    expectProblem(await report(ben, comment), 422, "REPORTS_OWN");
    expectProblem(await report(eve, { ...comment, id: "1" }), 404, "COMMENT_NOT_FOUND");
    expectProblem(await report(eve, { ...comment, videoId: "1" }), 404, "VIDEO_NOT_FOUND");
    expectProblem(await report(eve, { ...comment, videoId: videos[4]! }), 404, "COMMENT_NOT_FOUND");
    for (const text of ["a".repeat(201), "a\nb", "a\u0000b"])
      expectProblem(await report(eve, comment, { reason: "other", text }), 422, "REPORT_INVALID");
    body(await report(eve, comment, { reason: "other", text: "😀".repeat(200) }), 204);
    for (const json of [{}, { reason: "boring" }])
      expectProblem(await report(owner, comment, json), 422, "INVALID_ARGUMENT");
    expectProblem(await guest("POST", `${pathOf(comment)}/report`), 401, "LOGIN_REQUIRED");
    for (const person of [eve, ben, owner]) {
      expectProblem(await dismiss(person, comment), 403, "MODERATORS_ONLY");
      expectProblem(await person.get("/moderation/comments"), 403, "MODERATORS_ONLY");
    }
    expectProblem(await server.api("GET", "/moderation/comments"), 401, "LOGIN_REQUIRED");
    expectProblem(await dismiss(mo, { ...comment, id: "1" }), 404, "COMMENT_NOT_FOUND");
    expectProblem(await dismiss(mo, { ...comment, videoId: "1" }), 404, "VIDEO_NOT_FOUND");
    expectProblem(await mo.get("/moderation/comments?cursor=x"), 422, "CURSOR_INVALID");
    expect(await page()).toMatchObject({ items: [{ reports: { spam: 0, abuse: 0, other: 1 } }] });
    body(await dismiss(mo, comment), 204);
  });
});

describe("with limits", () => {
  const server = scenario("all", { env: { DOUYA_LIMITS: "on" } });

  test("nobody reports without end, and nobody is limited by others", async () => {
    const [ben, eve, carl] = (await Promise.all([1, 2, 3].map(() => server.register()))) as [
      Person,
      Person,
      Person,
    ];
    const { id } = await ben.settled((await ben.publish(freshClip())).id);
    const comment = body(await ben.post<Comment>(`/videos/${id}/comments`, { json: { text: "x" } }), 201);
    const report = (person: Person) =>
      person.post(`/videos/${id}/comments/${comment.id}/report`, { json: { reason: "spam" } });
    for (let i = 0; i < 20; i++) body(await report(carl), 204);
    const refused = expectProblem(await report(carl), 429, "TOO_MANY_REQUESTS");
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    body(await report(eve), 204);
  });
});
