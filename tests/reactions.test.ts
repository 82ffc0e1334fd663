import { beforeAll, describe, expect, test } from "vitest";
import { classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];
type User = Schemas["User"];

describe.each(shapes)("reactions, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let author: Person;
  let video: Video;
  let ben: Person;

  beforeAll(async () => {
    author = await server.register();
    ben = await server.register();
    video = await author.settled((await author.publish(freshClip())).id);
  });

  const seenBy = async (person: Person, id = video.id) => {
    const { counts, reaction, author: made } = body(await person.get<Video>(`/videos/${id}`));
    const me = body(await person.get<User>("/me"));
    return {
      likes: counts.likes,
      reaction,
      received: made.counts.likesReceived,
      given: me.counts.likesGiven,
    };
  };
  const favorite = async (person: Person, actionType: number, id = video.id) =>
    ok(
      await classicApi.post("/favorite/action/", {
        token: person.session.accessToken,
        video_id: id,
        action_type: String(actionType),
      }),
    );

  test("people keep videos in lists of their own, which count exactly and nobody else sees", async () => {
    const second = await author.settled((await author.publish(freshClip())).id);
    const kept = async (person: Person) =>
      body(await person.get<Page<Video>>("/me/bookmarks")).items.map(({ id, bookmarked }) => [
        id,
        bookmarked,
      ]);
    const inFeed = async (person?: Person) => {
      const token = person?.session.accessToken;
      const { items } = body(await server.api<Page<Video>>("GET", "/feed", { token }));
      const { counts, bookmarked } = items.find(({ id }) => id === video.id)!;
      return [counts.bookmarks, bookmarked];
    };
    expect(await inFeed(ben)).toEqual([0, false]);
    for (const { id } of [video, second, video])
      expect((await ben.put(`/videos/${id}/bookmark`)).status).toBe(204);
    expect((await author.put(`/videos/${video.id}/bookmark`)).status).toBe(204);
    expect([await inFeed(ben), await inFeed()]).toEqual([
      [2, true],
      [2, false],
    ]);
    expect(await kept(ben)).toEqual([
      [second.id, true],
      [video.id, true],
    ]);
    expect(await kept(author)).toEqual([[video.id, true]]);
    const { nextCursor } = body(await ben.get<Page<Video>>("/me/bookmarks?limit=1"));
    const rest = body(await ben.get<Page<Video>>(`/me/bookmarks?limit=1&cursor=${nextCursor}`));
    expect([rest.items.map(({ id }) => id), rest.nextCursor]).toEqual([[video.id], null]);
    for (let i = 0; i < 2; i++) expect((await ben.delete(`/videos/${video.id}/bookmark`)).status).toBe(204);
    expect(await inFeed(ben)).toEqual([1, false]);
    expectProblem(await server.api("GET", "/me/bookmarks"), 401, "LOGIN_REQUIRED");
    expectProblem(await ben.put("/videos/1/bookmark"), 404, "VIDEO_NOT_FOUND");
    // It goes with the video.
    expect((await author.delete(`/videos/${second.id}`)).status).toBe(204);
    expect(await kept(ben)).toEqual([]);
  });

  test("people repost others' public videos, once each, for everybody to see who may see the videos", async () => {
    const second = await author.settled((await author.publish(freshClip())).id);
    const path = `/videos/${video.id}/repost`;
    const reposts = async (viewer?: Person, query = "") => {
      const { token } = { token: viewer?.session.accessToken };
      return body(await server.api<Page<Video>>("GET", `/users/${ben.id}/reposts${query}`, { token }));
    };
    const shown = async (viewer?: Person) =>
      (await reposts(viewer)).items.map(({ id, reposted, counts }) => [id, reposted, counts.reposts]);
    for (const { id } of [video, second, video])
      expect((await ben.put(`/videos/${id}/repost`)).status).toBe(204);
    expect(await shown(ben)).toEqual([
      [second.id, true, 1],
      [video.id, true, 1],
    ]);
    const everybody = [
      [second.id, false, 1],
      [video.id, false, 1],
    ];
    expect([await shown(), await shown(author)]).toEqual([everybody, everybody]);
    const first = await reposts(undefined, "?limit=1");
    const rest = await reposts(undefined, `?limit=1&cursor=${first.nextCursor}`);
    expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual([second.id, video.id]);
    expect(rest.nextCursor).toBeNull();
    const set = async (visibility: Video["visibility"]) =>
      body(await author.patch<Video>(`/videos/${second.id}`, { json: { visibility } }));
    for (const visibility of ["unlisted", "friends", "private"] as const) {
      await set(visibility);
      expect((await shown(ben)).map(([id]) => id)).toEqual([video.id]);
    }
    // What is refused changes nothing.
    await set("unlisted");
    expectProblem(await ben.put(`/videos/${second.id}/repost`), 409, "REPOSTS_PUBLIC_ONLY");
    await set("private");
    expectProblem(await ben.put(`/videos/${second.id}/repost`), 404, "VIDEO_NOT_FOUND");
    expectProblem(await author.put(path), 422, "REPOSTS_OWN");
    expectProblem(await server.api("PUT", path), 401, "LOGIN_REQUIRED");
    expectProblem(await ben.put("/videos/1/repost"), 404, "VIDEO_NOT_FOUND");
    for (const cursor of ["x", "-1", "0", "9".repeat(30)])
      expectProblem(
        await server.api("GET", `/users/${ben.id}/reposts?cursor=${cursor}`),
        422,
        "CURSOR_INVALID",
      );
    const blocked = await server.register();
    expect((await blocked.put(path)).status).toBe(204);
    expect((await author.put(`/users/${blocked.id}/block`)).status).toBe(204);
    expectProblem(await blocked.put(path), 403, "BLOCKED_BY_USER");
    expect((await blocked.delete(path)).status).toBe(204);
    for (let i = 0; i < 2; i++) expect((await ben.delete(path)).status).toBe(204);
    const { counts, reposted } = body(await ben.get<Video>(`/videos/${video.id}`));
    expect([counts.reposts, reposted]).toEqual([0, false]);
    // It goes with the video.
    await set("public");
    expect(await shown()).toEqual([[second.id, false, 1]]);
    expect((await author.delete(`/videos/${second.id}`)).status).toBe(204);
    expect(await shown()).toEqual([]);
  });

  test("the next request sees a like and its withdrawal, over both APIs", async () => {
    expect((await ben.put(`/videos/${video.id}/like`)).status).toBe(204);
    expect(await seenBy(ben)).toEqual({ likes: 1, reaction: "like", received: 1, given: 1 });
    const token = ben.session.accessToken;
    const feed = ok(await classicApi.get("/feed/", { token }));
    expect(feed.video_list?.[0]).toMatchObject({
      id: Number(video.id),
      favorite_count: 1,
      is_favorite: true,
      author: { total_favorited: 1 },
    });
    const guest = ok(await classicApi.get("/feed/"));
    expect(guest.video_list?.[0]).toMatchObject({ favorite_count: 1, is_favorite: false });
    const { user } = ok(await classicApi.get("/user/", { token, user_id: ben.id }));
    expect(user).toMatchObject({ favorite_count: 1, total_favorited: 0 });
    expect((await ben.delete(`/videos/${video.id}/like`)).status).toBe(204);
    expect(await seenBy(ben)).toEqual({ likes: 0, reaction: null, received: 0, given: 0 });
    expect(ok(await classicApi.get("/feed/")).video_list?.[0]?.favorite_count).toBe(0);
  });

  test.each([
    "api",
    "classic",
  ])("one reaction replaces the other, repeating changes nothing, and an app hears of it: %s", async (surface) => {
    const classic = { token: ben.session.accessToken, video_id: video.id };
    const act = async (action: 1 | 2 | 3 | 4, refusal: number) => {
      if (surface === "classic") {
        const answer = await classicApi.post("/favorite/action/", {
          ...classic,
          action_type: String(action),
        });
        return refusal ? refused(answer, refusal) : ok(answer);
      }
      const path = `/videos/${video.id}/${action < 3 ? "like" : "dislike"}`;
      expect((await (action % 2 === 1 ? ben.put(path) : ben.delete(path))).status).toBe(204);
    };
    const liked = { likes: 1, reaction: "like", received: 1, given: 1 };
    const disliked = { likes: 0, reaction: "dislike", received: 0, given: 0 };
    const neither = { ...disliked, reaction: null };
    const steps = [
      [2, neither, 10502],
      [4, neither, 10504],
      [1, liked, 0],
      [1, liked, 10501],
      [4, liked, 10504],
      [3, disliked, 0],
      [3, disliked, 10503],
      [2, disliked, 10502],
      [1, liked, 0],
      [2, neither, 0],
      [2, neither, 10502],
      [3, disliked, 0],
      [4, neither, 0],
    ] as const;
    for (const [action, expected, refusal] of steps) {
      await act(action, refusal);
      expect(await seenBy(ben), `after ${action}`).toEqual(expected);
    }
  });

  test("of many likes of one person at once, an app hears of one that was done", async () => {
    const like = { token: ben.session.accessToken, video_id: video.id, action_type: "1" };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => classicApi.post("/favorite/action/", like)),
    );
    expect(answers.map(({ body }) => body.status_code).sort()).toEqual([0, ...Array(7).fill(10501)]);
    expect((await ben.delete(`/videos/${video.id}/like`)).status).toBe(204);
  });

  test("everybody at once: each like counts once", async () => {
    const people = await Promise.all(Array.from({ length: 20 }, () => server.register()));
    await Promise.all(
      people.flatMap((person) => [1, 2, 3].map(() => person.put(`/videos/${video.id}/like`))),
    );
    expect(await seenBy(ben)).toMatchObject({ likes: 20, received: 20 });
    await Promise.all(people.slice(5).map((person) => person.put(`/videos/${video.id}/dislike`)));
    expect(await seenBy(ben)).toMatchObject({ likes: 5, received: 5 });
  });

  test("liked videos are listed, the most recently liked first, page by page", async () => {
    const ada = await server.register();
    const copies = await copyVideo(server.deployment.databaseUrl, video.id, 5, (i) => 1_700_000_000_000 + i);
    const order = [copies[3]!, copies[0]!, copies[4]!, copies[1]!, copies[2]!];
    for (const id of order) await favorite(ada, 1, id);
    await favorite(ada, 3, copies[4]!);
    // Already liked: it keeps its position.
    expect((await ada.put(`/videos/${copies[3]}/like`)).status).toBe(204);
    const expected = [copies[2]!, copies[1]!, copies[0]!, copies[3]!];
    const seen: string[] = [];
    let cursor = "";
    do {
      const page = body(
        await server.api<Page<Video>>(
          "GET",
          `/users/${ada.id}/likes?limit=2${cursor && `&cursor=${cursor}`}`,
        ),
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map((item) => item.id));
      // New likes are newer than all later pages.
      if (cursor === "") await favorite(ada, 1, video.id);
      cursor = page.nextCursor ?? "";
    } while (cursor);
    expect(seen).toEqual(expected);
    const list = await classicApi.get("/favorite/list/", { user_id: ada.id });
    const ids = digits(list, "id").filter((id) => id !== author.id);
    expect(ids).toEqual([video.id, ...expected]);
    expect(ok(list).video_list?.[0]?.is_favorite).toBe(false);
  });

  test("a reaction that is not possible is refused by name", async () => {
    const token = ben.session.accessToken;
    for (const id of ["1", "9223372036854775807"]) {
      for (const path of ["like", "dislike"]) {
        expectProblem(await ben.put(`/videos/${id}/${path}`), 404, "VIDEO_NOT_FOUND");
        expectProblem(await ben.delete(`/videos/${id}/${path}`), 404, "VIDEO_NOT_FOUND");
      }
    }
    expectProblem(await ben.put("/videos/x/like"), 422, "INVALID_ARGUMENT");
    expectProblem(await server.api("PUT", `/videos/${video.id}/like`), 401, "LOGIN_REQUIRED");
    const action = (parameters: Record<string, string>) => classicApi.post("/favorite/action/", parameters);
    const good = { token, video_id: video.id, action_type: "1" };
    refused(await action({ ...good, video_id: "1" }), 10202);
    for (const [name, values] of Object.entries({
      video_id: ["", "x", "0", "-1", "99999999999999999999"],
      action_type: ["", "0", "5", "like", "__proto__"],
    })) {
      for (const value of values)
        expect(refused(await action({ ...good, [name]: value }), 10001)).toContain(name);
    }
    refused(await action({ video_id: video.id, action_type: "1" }), 10105);
    expect(refused(await classicApi.get("/favorite/list/"), 10001)).toContain("user_id");
  });

  test("a video that is not published cannot be liked, not even by its author", async () => {
    const asked = await author.publish(freshClip("hevc-10bit-mono.mov"));
    const early = await author.put(`/videos/${asked.id}/like`);
    if (body(await author.get<Video>(`/videos/${asked.id}`)).state !== "published")
      expectProblem(early, 404, "VIDEO_NOT_FOUND");
    await author.settled(asked.id);
    expect((await author.put(`/videos/${asked.id}/like`)).status).toBe(204);
  });

  test("a deleted video takes its reactions and comments with it", async () => {
    const [maker, fan, foe] = await Promise.all([server.register(), server.register(), server.register()]);
    const made = await maker.settled((await maker.publish(freshClip())).id);
    const kept = await maker.settled((await maker.publish(freshClip())).id);
    for (const id of [made.id, kept.id]) {
      expect((await fan.put(`/videos/${id}/like`)).status).toBe(204);
      expect((await foe.put(`/videos/${id}/dislike`)).status).toBe(204);
      body(await foe.post(`/videos/${id}/comments`, { json: { text: "boo" } }), 201);
    }
    expect(await seenBy(fan, kept.id)).toEqual({ likes: 1, reaction: "like", received: 2, given: 2 });
    expect((await maker.delete(`/videos/${made.id}`)).status).toBe(204);
    expectProblem(await fan.get(`/videos/${made.id}/comments`), 404, "VIDEO_NOT_FOUND");
    const likes = async () => body(await fan.get<Page<Video>>(`/users/${fan.id}/likes`)).items;
    expect((await likes()).map((item) => item.id)).toEqual([kept.id]);
    const after = { likes: 1, reaction: "like", received: 1, given: 1 };
    await until("the likes are taken back", async () => (await seenBy(fan, kept.id)).given === 1);
    expect(await seenBy(fan, kept.id)).toEqual(after);
    for (const path of ["like", "dislike"])
      expectProblem(await fan.put(`/videos/${made.id}/${path}`), 404, "VIDEO_NOT_FOUND");
    const json = { text: "late" };
    expectProblem(await fan.post(`/videos/${made.id}/comments`, { json }), 404, "VIDEO_NOT_FOUND");
    expect(await seenBy(fan, kept.id)).toEqual(after);
  });
});

describe("without the service of reactions and follows", () => {
  const server = scenario("split");
  const classicApi = classicClient(() => server.origin);

  test("videos and people are shown without counts, and counts come back with it", async () => {
    const [maker, fan] = await Promise.all([server.register(), server.register()]);
    const video = await maker.settled((await maker.publish(freshClip())).id);
    expect((await fan.put(`/videos/${video.id}/like`)).status).toBe(204);
    expect((await fan.put(`/users/${maker.id}/follow`)).status).toBe(204);
    const token = fan.session.accessToken;
    const shown = async () => ({
      api: body(await fan.get<Video>(`/videos/${video.id}`)),
      guest: ok(await classicApi.get("/feed/")).video_list?.[0],
      classic: ok(await classicApi.get("/publish/list/", { token, user_id: maker.id })).video_list?.[0],
    });
    await server.deployment.programOf("interaction").kill();
    const without = await shown();
    const missing = (await fan.get(`/videos/${video.id}`)).headers.get("douya-missing");
    expect(missing?.split(", ").sort()).toEqual(["likes", "reactions", "relations", "views"]);
    expect(without.api).toMatchObject({ id: video.id, counts: { likes: 0 }, reaction: null });
    expect(without.api.author).toMatchObject({ followed: false, counts: { videos: 1, followers: 0 } });
    for (const item of [without.guest, without.classic])
      expect(item).toMatchObject({ favorite_count: 0, is_favorite: false, author: { work_count: 1 } });
    expectProblem(await fan.put(`/videos/${video.id}/like`), 503, "INTERACTION_UNAVAILABLE");
    expectProblem(await fan.put(`/users/${maker.id}/follow`), 503, "RELATION_UNAVAILABLE");

    await server.deployment.restart("interaction");
    const again = await until("the counts are back", async () => {
      const now = await shown();
      // Follows are of another module, which may be reached again later.
      return now.api.reaction === "like" && now.api.author.followed && now.classic?.author.is_follow && now;
    });
    expect((await fan.get(`/videos/${video.id}`)).headers.has("douya-missing")).toBe(false);
    expect(again.api.counts.likes).toBe(1);
    expect(again.api.author).toMatchObject({ followed: true, counts: { followers: 1, likesReceived: 1 } });
    expect(again.classic).toMatchObject({ favorite_count: 1, author: { is_follow: true } });
  });

  test("feeds show what a block or a dislike hides, say that they could not tell, and hide it again at once", async () => {
    const [maker, rival, fan] = await Promise.all([server.register(), server.register(), server.register()]);
    const [blocked, disliked] = await Promise.all(
      [maker, rival].map(async (one) => (await one.settled((await one.publish(freshClip())).id)).id),
    );
    expect((await fan.put(`/users/${maker.id}/block`)).status).toBe(204);
    expect((await fan.put(`/videos/${disliked}/dislike`)).status).toBe(204);
    const shown = async (limit: number) => {
      const response = await fan.get<Page<Video>>(`/feed?limit=${limit}`);
      const ids = body(response).items.map(({ id }) => id);
      return {
        hidden: [blocked, disliked].map((id) => !ids.includes(id!)),
        missing: response.headers.get("douya-missing")?.split(", ").sort(),
      };
    };
    const complete = { hidden: [true, true], missing: undefined };
    expect(await shown(20)).toEqual(complete);
    await server.deployment.programOf("interaction").kill();
    // What everybody sees the same is remembered from the page before.
    const missing = ["reactions", "relations", "views"];
    expect(await shown(21)).toEqual({ hidden: [false, false], missing });
    // A page that was cached before is still true.
    expect(await shown(20)).toEqual(complete);
    const message = { json: { content: "x" } };
    expectProblem(
      await fan.post(`/conversations/${maker.id}/messages`, message),
      503,
      "RELATION_UNAVAILABLE",
    );
    await server.deployment.restart("interaction");
    const again = await until("the page is complete", async () => {
      const now = await shown(21);
      return now.missing === undefined && now;
    });
    expect(again).toEqual(complete);
  });
});
