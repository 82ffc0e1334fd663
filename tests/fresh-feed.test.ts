import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { groupsBehind } from "#platform/events/admin/behind.ts";
import { classicClient, ok, videosOf } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, type Scenario, scenario } from "./harness/scenario.ts";
import { until, within } from "./harness/within.ts";

interface Page {
  items: Schemas["Video"][];
}
type Shown = ReturnType<typeof videosOf>[number];

/** The classic feed of a person. */
function reader(server: Scenario, person?: Person) {
  const { get } = classicClient(() => server.origin);
  const query = person ? { token: person.session.accessToken } : undefined;
  return async () => {
    const answer = await get("/feed/", query);
    ok(answer);
    return videosOf(answer);
  };
}

/** The same by /api/v1, in the form of the classic API. */
function apiReader(server: Scenario, person?: Person, list = "/feed") {
  return async () => {
    const token = person && { token: person.session.accessToken };
    const { items } = body(await server.api<Page>("GET", `${list}?limit=30`, token));
    return items.map(({ id: key, counts, reaction, author }) => ({
      key,
      favorite_count: counts.likes,
      comment_count: counts.comments,
      is_favorite: reaction === "like",
      author: {
        name: author.name,
        is_follow: author.followed,
        follow_count: author.counts.following,
        follower_count: author.counts.followers,
        total_favorited: author.counts.likesReceived,
        favorite_count: author.counts.likesGiven,
        work_count: author.counts.videos,
      },
    }));
  };
}

describe.each(shapes)("a feed that was read before, %s", (shape) => {
  const server = scenario(shape);
  let ada: Person;
  let bob: Person;
  let eve: Person;
  let mallory: Person;
  let clip: Schemas["Video"];
  let other: Schemas["Video"];
  let readers: Record<"ada" | "bob" | "eve" | "guest", ReturnType<typeof reader>>;
  let apiReaders: Record<keyof typeof readers, ReturnType<typeof apiReader>>;

  beforeAll(async () => {
    [ada, bob, eve, mallory] = (await Promise.all(Array.from({ length: 4 }, () => server.register()))) as [
      Person,
      Person,
      Person,
      Person,
    ];
    clip = await ada.settled((await ada.publish(freshClip())).id);
    other = await eve.settled((await eve.publish(freshClip())).id);
    readers = {
      ada: reader(server, ada),
      bob: reader(server, bob),
      eve: reader(server, eve),
      guest: reader(server),
    };
    apiReaders = {
      ada: apiReader(server, ada),
      bob: apiReader(server, bob),
      eve: apiReader(server, eve),
      guest: apiReader(server),
    };
  });

  const done = async (answer: Promise<{ status: number; text: string }>) => {
    const { status, text } = await answer;
    expect([200, 201, 202, 204], text).toContain(status);
  };
  const like = (person: Person, video = clip) => done(person.put(`/videos/${video.id}/like`));
  const shownTo = async (who: keyof typeof readers, video = clip) =>
    (await readers[who]()).find(({ key }) => key === video.id);
  /** For everybody, by both APIs. */
  async function shown(video = clip) {
    const seen: Partial<Record<keyof typeof readers, Shown>> = {};
    for (const who of ["ada", "bob", "guest"] as const) {
      const classic = await shownTo(who, video);
      const api = (await apiReaders[who]()).find(({ key }) => key === video.id);
      if (api) expect(classic, `${who}, by both APIs`).toMatchObject(api);
      else expect(classic, `${who}, by both APIs`).toBeUndefined();
      if (classic) seen[who] = classic;
    }
    return seen;
  }

  /** Everybody reads, it happens, everybody reads again. */
  async function seenAfter(act: () => Promise<unknown>, video = clip) {
    await Promise.all([...Object.values(readers), ...Object.values(apiReaders)].map((look) => look()));
    await act();
    return shown(video);
  }

  test("shows a like to everybody with the next request, and as their own to the one who gave it", async () => {
    const liked = await seenAfter(() => like(bob));
    expect(liked.bob).toMatchObject({ favorite_count: 1, is_favorite: true, author: { total_favorited: 1 } });
    expect(liked.guest).toMatchObject({
      favorite_count: 1,
      is_favorite: false,
      author: { total_favorited: 1 },
    });
    expect(liked.ada).toMatchObject({ favorite_count: 1, is_favorite: false });
    // The person who gives likes is an author too.
    const given = await seenAfter(() => like(eve), other);
    expect(given.guest).toMatchObject({ favorite_count: 0, author: { favorite_count: 1 } });
    const none = await seenAfter(() => done(bob.delete(`/videos/${clip.id}/like`)));
    expect(none.bob).toMatchObject({ favorite_count: 1, is_favorite: false });
  });

  test("shows comments that come and go", async () => {
    let id = "";
    const said = await seenAfter(async () => {
      id = body(
        await bob.post<{ id: string }>(`/videos/${clip.id}/comments`, { json: { text: "hi" } }),
        201,
      ).id;
    });
    expect([said.ada, said.bob, said.guest].map((video) => video?.comment_count)).toEqual([1, 1, 1]);
    const gone = await seenAfter(() => done(bob.delete(`/videos/${clip.id}/comments/${id}`)));
    expect([gone.ada, gone.bob, gone.guest].map((video) => video?.comment_count)).toEqual([0, 0, 0]);
  });

  test("shows who is followed, and blocked", async () => {
    const followed = await seenAfter(() => done(bob.put(`/users/${ada.id}/follow`)));
    expect(followed.bob!.author).toMatchObject({ is_follow: true, follower_count: 1 });
    expect(followed.guest!.author).toMatchObject({ is_follow: false, follower_count: 1 });
    const unfollowed = await seenAfter(() => done(bob.delete(`/users/${ada.id}/follow`)));
    expect(unfollowed.bob!.author).toMatchObject({ is_follow: false, follower_count: 0 });
    const blocked = await seenAfter(() => done(bob.put(`/users/${ada.id}/block`)));
    expect([blocked.ada?.key, blocked.bob?.key, blocked.guest?.key]).toEqual([clip.id, undefined, clip.id]);
    expect(await shownTo("ada", clip)).toBeDefined();
    const again = await seenAfter(() => done(bob.delete(`/users/${ada.id}/block`)));
    expect(again.bob?.key).toBe(clip.id);
    const byAuthor = await seenAfter(() => done(ada.put(`/users/${bob.id}/block`)));
    expect([byAuthor.ada?.key, byAuthor.bob?.key]).toEqual([clip.id, undefined]);
    expect((await seenAfter(() => done(ada.delete(`/users/${bob.id}/block`)))).bob?.key).toBe(clip.id);
  });

  test("shows a new name", async () => {
    const renamed = await seenAfter(() => done(ada.patch("/me", { json: { name: "Countess" } })));
    expect([renamed.ada, renamed.bob, renamed.guest].map((video) => video?.author.name)).toEqual(
      Array(3).fill("Countess"),
    );
  });

  test("shows a role, and a hold to its author", async () => {
    const page = async (person: Person) => {
      const { items } = body(await person.get<Page>("/feed?limit=30"));
      const video = items.find(({ id }) => id === clip.id)!;
      return { held: video.held, role: video.author.role };
    };
    const setRole = async (action: "add" | "remove", person: Person) => {
      const { dataDir, databaseUrl } = server.deployment;
      const environment = { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl };
      const command = startProgram(["moderator", action, person.username], environment);
      expect((await within(command.ended, () => "the command does not end")).code).toBe(0);
    };
    expect(await page(bob)).toEqual({ held: false, role: "member" });
    await setRole("add", ada);
    expect(await page(bob)).toEqual({ held: false, role: "moderator" });
    await setRole("remove", ada);
    await setRole("add", eve);
    const allowed = async () => (await eve.put(`/videos/${clip.id}/hold`)).status === 204;
    expect(await page(ada)).toEqual({ held: false, role: "member" });
    await until("the moderator to be one", allowed);
    expect([await page(ada), await page(bob)]).toEqual([
      { held: true, role: "member" },
      { held: false, role: "member" },
    ]);
    await done(eve.delete(`/videos/${clip.id}/hold`));
    expect(await page(ada)).toEqual({ held: false, role: "member" });
    await setRole("remove", eve);
  });

  test("of followed people shows a new video in a moment, and none after an unfollow with the next request", async () => {
    const look = apiReader(server, eve, "/feed/following");
    expect(await look()).toEqual([]);
    await done(eve.put(`/users/${ada.id}/follow`));
    await until("the video is delivered", async () => (await look()).some(({ key }) => key === clip.id));
    await done(eve.delete(`/users/${ada.id}/follow`));
    expect(await look()).toEqual([]);
  });

  test("shows a new video at once, and none that is deleted; likes go from its author's count in a moment", async () => {
    let published = clip;
    const there = await seenAfter(async () => {
      published = await eve.settled((await eve.publish(freshClip())).id);
    });
    expect(there.guest?.author).toMatchObject({ work_count: 1 });
    expect(await shown(published)).toMatchObject({
      bob: { key: published.id },
      guest: { key: published.id },
    });
    await like(bob, published);
    expect((await shownTo("guest", other))!.author).toMatchObject({ total_favorited: 1, work_count: 2 });
    const gone = await seenAfter(() => done(eve.delete(`/videos/${published.id}`)), published);
    expect([gone.ada, gone.bob, gone.guest]).toEqual([undefined, undefined, undefined]);
    await until(
      "the like to be gone",
      async () => (await shownTo("guest", other))!.author.total_favorited === 0,
    );
  });

  test("shows nobody whose account is closed", async () => {
    const video = await mallory.settled((await mallory.publish(freshClip())).id);
    expect((await shown(video)).guest?.key).toBe(video.id);
    const closed = await seenAfter(
      () => done(mallory.delete("/me", { json: { password: mallory.password } })),
      video,
    );
    expect([closed.ada, closed.bob, closed.guest]).toEqual([undefined, undefined, undefined]);
  });
});

describe("a feed that was read before", () => {
  const server = scenario("all");
  const pagesMade = async () => {
    const text = await (await fetch(`${server.origin}/metrics`)).text();
    const [, count = "0"] = /douya_rpc_seconds_count\{[^}]*"GetClassicFeed"[^}]*\} (\d+)/.exec(text) ?? [];
    return Number(count);
  };

  test("is not made again while nothing that it shows changes", async () => {
    const [ada, bob, eve] = (await Promise.all([1, 2, 3].map(() => server.register()))) as [
      Person,
      Person,
      Person,
    ];
    await ada.settled((await ada.publish(freshClip())).id);
    const look = reader(server, bob);
    const first = await look();
    expect(first).toHaveLength(1);
    expect(await pagesMade()).toBeGreaterThan(0);
    // Others write things that it does not show.
    expect((await eve.put(`/users/${bob.id}/follow`)).status).toBe(204);
    const pool = new pg.Pool({ connectionString: server.deployment.databaseUrl, max: 1 });
    await until("everything published and followed is delivered", async () => {
      if ((await groupsBehind([pool])).length > 0) return false;
      return (await pool.query("select from feed.job")).rowCount === 0;
    }).finally(() => pool.end());
    let made = 0;
    await until("the page is not made again", async () => {
      const before = made;
      await look();
      made = await pagesMade();
      return made === before;
    });
    await server.logIn(eve.username, eve.password);
    expect((await eve.patch("/me", { json: { name: "Eve" } })).status).toBe(200);
    const message = { json: { content: "hi", idempotencyKey: "1" } };
    expect((await eve.post(`/conversations/${ada.id}/messages`, message)).status).toBe(201);
    expect(await look()).toEqual(first);
    expect(await pagesMade()).toBe(made);
  });
});
